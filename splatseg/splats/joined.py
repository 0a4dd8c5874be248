"""Joins several splats to one: an object put into a room, or the parts of a capture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from splatseg.splats.splats import Splats


def joined(parts: Sequence[Splats]) -> Splats:
    """Return the Gaussians of all parts, in their order, in the world of the first.

    Harmonics are those of the highest degree, zero where a part has fewer. Of features, segment ids and `extras` those
    stay that all parts have. Features and ids of splats made apart mean different things: leave them out first.
    """
    first, *others = parts
    parts = [first, *(part.in_world(first.coordinates) for part in others)]
    most = max(part.shN.shape[1] for part in parts)
    names = set.intersection(*(set(part.extras) for part in parts))
    return Splats(
        means=torch.cat([part.means for part in parts]),
        quats=torch.cat([part.quats for part in parts]),
        log_scales=torch.cat([part.log_scales for part in parts]),
        opacity_logits=torch.cat([part.opacity_logits for part in parts]),
        sh0=torch.cat([part.sh0 for part in parts]),
        shN=torch.cat([_filled(part.shN, most) for part in parts]),
        features=_of_all([part.features for part in parts]),
        segment_ids=_of_all([part.segment_ids for part in parts]),
        extras={name: np.concatenate([part.extras[name] for part in parts]) for name in first.extras if name in names},
        antialiased=any(part.antialiased for part in parts),
        coordinates=first.coordinates,
    )


def joined_ids(parts: Sequence[Splats]) -> tuple[Tensor, list[tuple[int, int]]]:
    """Return segment ids (N,) int32 of all parts together, and the least id of each part less one, with its highest.

    A part with segments keeps them, its ids raised by those before; a part without is one segment.
    """
    ids, spans, highest = list[Tensor](), list[tuple[int, int]](), 0
    for part in parts:
        own = torch.ones(len(part), dtype=torch.int32) if part.segment_ids is None else part.segment_ids
        ids.append(torch.where(own > 0, own + highest, 0).to(torch.int32))
        last = max(int(ids[-1].max()) if len(part) else 0, highest)
        spans.append((highest, last))
        highest = last
    return torch.cat(ids), spans


def _filled(harmonics: Tensor, count: int) -> Tensor:
    """Return harmonics (N,K,3) with zeros after them, (N,count,3)."""
    return torch.nn.functional.pad(harmonics, (0, 0, 0, count - harmonics.shape[1]))


def _of_all(values: Sequence[Tensor | None]) -> Tensor | None:
    """Return the values of all parts together; None if a part has none."""
    there = [value for value in values if value is not None]
    return torch.cat(there) if len(there) == len(values) else None
