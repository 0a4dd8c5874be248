"""Greedy merging of nodes that touch: the pair with the highest gain is joined first, and the result may merge again.

Alphabet: nodes 1..A, then A + 1, A + 2, ... as they are made; R merges, R < A.

Source: region merging, Brice and Fennema 1970; a queue whose outdated pairs are skipped when they come up.
"""

from __future__ import annotations

import heapq
from typing import Protocol

import numpy as np


class Nodes(Protocol):
    """Nodes to be merged."""

    def gain(self, a: int, b: int) -> float:
        """Return the gain of joining two nodes; the pair with the highest is joined first."""
        ...

    def join(self, a: int, b: int, new: int) -> float:
        """Join two nodes under a new number. Returns the gain that decides whether they count as one."""
        ...


def merge_touching(count: int, touching: list[tuple[int, int]], nodes: Nodes) -> tuple[np.ndarray, np.ndarray]:
    """Return the merges (R,2) int32 of nodes 1..count in their order, and the gains (R,) that `join` returned.

    touching: pairs that may merge; a new node touches all nodes that its parts touched. Of equal gains, lower numbers
    come first.
    """
    near: dict[int, set[int]] = {node: set() for node in range(1, count + 1)}
    for a, b in touching:
        near[a].add(b)
        near[b].add(a)
    queue = [(-nodes.gain(a, b), a, b) for a in near for b in sorted(near[a]) if a < b]
    heapq.heapify(queue)
    merges: list[tuple[int, int]] = []
    gains: list[float] = []
    while queue:
        _, a, b = heapq.heappop(queue)
        if a not in near or b not in near:  # outdated: one of them has become part of another node
            continue
        new = count + len(merges) + 1
        merges.append((a, b))
        gains.append(nodes.join(a, b, new))
        near[new] = (near.pop(a) | near.pop(b)) - {a, b}
        for other in sorted(near[new]):
            near[other] = (near[other] - {a, b}) | {new}
            heapq.heappush(queue, (-nodes.gain(other, new), other, new))
    return np.array(merges, dtype=np.int32).reshape(-1, 2), np.array(gains, dtype=np.float64)
