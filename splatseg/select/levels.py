"""Levels of a click: the part, the thing and the group that are seen at a pixel, each with the support of the masks.

One pixel does not say how much is meant. Above the atom at the pixel lies a chain of nodes of the hierarchy. Nodes that
hardly differ in size are one level, the best supported of them stands for all. Then those levels are left that the
masks show: with at least the support of the next smaller and the next larger one, and joined before `JUNK`; and those
that last: merged from parts that stay one level over `DOUBT` of granularity or more, below `JUNK`. The level that a
click without any wish takes is the segment at the pixel.

Alphabet: N Gaussians; members (N,) bool; L levels, 1 the smallest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from weakref import WeakKeyDictionary

import numpy as np

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.select.along_hierarchy import nearest_node
from splatseg.votes.agreement import Agreement

SAME = 0.9
"""Nodes of which the smaller has this share of the Gaussians of the larger are one level."""

JUNK = 0.9
"""Granularity from which on a node is no group but whatever touches: its sides are one thing with a probability below
1/10."""

DOUBT = 0.15
"""Distance of a granularity within which another level would have been taken almost as well."""

_LAST: WeakKeyDictionary[Agreement, tuple[Hierarchy, list[int], np.ndarray]] = WeakKeyDictionary()
"""The chain that was asked for last of the votes of a scene, and its supports: a click, what is said of it, and the
next click on the same spot ask for one and the same."""


@dataclass(frozen=True, eq=False)
class Levels:
    """The levels at a pixel, from the smallest to the largest."""

    nodes: tuple[int, ...]
    """The node of each level."""
    supports: tuple[float, ...]
    """The support of each level by the masks, 0..1; NaN without votes."""
    default: int
    """The level, 1 to L, that a click takes."""
    other: int | None
    """A level that is nearly as likely as the default; None if there is no such doubt."""

    def __len__(self) -> int:
        """Number of levels, L."""
        return len(self.nodes)

    def node(self, level: int) -> int:
        """Return the node of a level. Raises PromptError for a level that does not exist."""
        if not 1 <= level <= len(self):
            raise PromptError(
                f"there is no level {level} at the click: it has {len(self)}, from 1 (the smallest part) to "
                f"{len(self)} (the largest group); give one of them"
            )
        return self.nodes[level - 1]

    def describe(self, level: int) -> str:
        """Describe a level: "level 2 of 3 (support 0.41, 0.86, 0.78)"; the default with its doubt, if there is one."""
        given = ", ".join(f"{support:.2f}" for support in self.supports)
        text = f"level {level} of {len(self)}" + ("" if np.isnan(self.supports).any() else f" (support {given})")
        doubtful = level == self.default and self.other is not None
        return f"{text}; the masks hardly decide between this and level {self.other}" if doubtful else text


def levels_at(
    atom: int,
    members: np.ndarray,
    hierarchy: Hierarchy,
    agreement: Agreement | None,
    granularity: float = 0.5,
    nearest: int | None = None,
) -> Levels:
    """Return the levels above an atom of the hierarchy; the default is the one nearest to members (N,) bool.

    members: what a click takes, at this granularity. nearest: the node that is nearest to them, if it is at hand.
    """
    chain = hierarchy.chain(atom)
    sizes = hierarchy.sizes[chain]
    supports = np.full(len(chain), np.nan) if agreement is None else _supports(chain, hierarchy, agreement)
    nearest = nearest_node(members, hierarchy) if nearest is None else nearest
    own = chain.index(nearest) if nearest in chain else _topmost(chain, hierarchy, granularity)
    # Runs of nodes that hardly differ in size; the default stands for its own, the best supported for any other.
    run = np.cumsum([0, *(sizes[1:] * SAME > sizes[:-1])])
    stands = [
        own if run[own] == number else int(of_run[np.nan_to_num(supports[of_run]).argmax()])
        for number in np.unique(run)
        for of_run in [np.flatnonzero(run == number)]
    ]
    begins = np.array([hierarchy.level_of(chain[np.flatnonzero(run == number)[0]]) for number in np.unique(run)])
    lasting = np.diff(np.append(begins, 1.0).clip(max=JUNK)) >= DOUBT
    lasting[0] = False  # nothing says from where on an atom lasts
    chosen = []
    for rank, index in enumerate(stands):
        beside = [supports[other] for other in (*stands[max(rank - 1, 0) : rank], *stands[rank + 1 : rank + 2])]
        shown = not any(support > supports[index] for support in beside)  # without votes nothing is greater
        junk = index > own and begins[rank] > max(JUNK, granularity)
        if index == own or lasting[rank] or (shown and not junk):
            chosen.append(index)
    default = chosen.index(own)
    return Levels(
        tuple(chain[index] for index in chosen),
        tuple(float(supports[index]) for index in chosen),
        default + 1,
        _other([hierarchy.level_of(chain[index]) for index in chosen], default, granularity),
    )


def _topmost(chain: list[int], hierarchy: Hierarchy, granularity: float) -> int:
    return max(sum(hierarchy.level_of(node) <= granularity for node in chain) - 1, 0)


def _other(levels: list[float], default: int, granularity: float) -> int | None:
    """Return the level, 1 to L, that a slightly other granularity would have taken; None if there is none."""
    above = default + 1 < len(levels) and levels[default + 1] <= granularity + DOUBT
    below = default > 0 and levels[default] > granularity - DOUBT
    return default + 2 if above else default if below else None


def _supports(chain: list[int], hierarchy: Hierarchy, agreement: Agreement) -> np.ndarray:
    """Return the support of every node of a chain, in one pass over the votes; that of the last chain is kept."""
    kept = _LAST.get(agreement)
    if kept is not None and kept[0] is hierarchy and kept[1] == chain:
        return kept[2]
    step = np.full(hierarchy.count + 1, -1, dtype=np.int32)
    for index in range(len(chain) - 1, -1, -1):  # from the root down: a smaller node overwrites
        step[hierarchy.atoms_under(chain[index])] = index
    tallies = accumulate(agreement.tallies_of(step[hierarchy.atoms], len(chain)))
    supports = np.array([agreement.support_of(tally) for tally in tallies])
    _LAST[agreement] = (hierarchy, chain, supports)
    return supports


def members_of(node: int, hierarchy: Hierarchy, agreement: Agreement | None) -> np.ndarray:
    """Return the Gaussians (N,) bool of a node, with boundaries corrected by the masks that match it best."""
    members = hierarchy.members(node)
    if agreement is None:
        return members
    corrected = agreement.by_matches(members)
    return corrected if corrected.any() else members
