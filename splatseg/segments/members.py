"""Gaussians of segments, by id.

Alphabet: N Gaussians; ids 1, 2, ..., 0 = none; members (N,) bool.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from splatseg.errors import PromptError, RunError
from splatseg.splats.splats import Splats


def members_of_segments(splats: Splats, ids: Iterable[int]) -> Tensor:
    """Return the Gaussians of some segments: (N,) bool.

    Raises RunError if the splat has no segments, PromptError for an id that no Gaussian has.
    """
    wanted = ids_of_segments(splats, ids)
    assert splats.segment_ids is not None
    return torch.isin(splats.segment_ids, torch.tensor(wanted, dtype=splats.segment_ids.dtype))


def ids_of_segments(splats: Splats, ids: Iterable[int] | None = None) -> list[int]:
    """Return the ids, each once, in order; None for all that there are. Raises as `members_of_segments`."""
    if splats.segment_ids is None:
        raise RunError("the splat has no segments yet; make them with `splatseg segment RUN`")
    there = set(torch.unique(splats.segment_ids).tolist()) - {0}
    wanted = sorted(there if ids is None else set(ids))
    unknown = [segment_id for segment_id in wanted if segment_id not in there]
    if unknown:
        raise PromptError(
            f"there is no segment {', '.join(map(str, unknown))}; the segments are {_ranges(sorted(there))} "
            f"(their names are in segments.json)"
        )
    return wanted


def _ranges(ids: list[int]) -> str:
    """Return ids 1, 2, 3, 7 as "1-3, 7"; "none" if there are none."""
    spans: list[list[int]] = []
    for segment_id in ids:
        if spans and segment_id == spans[-1][1] + 1:
            spans[-1][1] = segment_id
        else:
            spans.append([segment_id, segment_id])
    return ", ".join(f"{low}-{high}" if high > low else str(low) for low, high in spans) or "none"
