"""Objects as files of their own: a choice of Gaussians written with all they carry, and the rest beside it.

Alphabet: N Gaussians; members (N,) bool. What is written keeps features, segment ids and every property of the file it
came from; only the rows are chosen, so the object and the rest together are the whole. Some programs refuse or misread
a .ply with properties they do not know (seen with gsply 0.4.6 and gaussforge 0.6.0); `plain` leaves all of those away.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg.errors import PromptError, RunError
from splatseg.formats.ply.ply import write_ply
from splatseg.splats.splats import Splats


def members_of_segments(splats: Splats, ids: Iterable[int]) -> Tensor:
    """The Gaussians of some segments: (N,) bool.

    Raises RunError if the splat has no segments, PromptError for an id that no Gaussian has.
    """
    wanted = ids_of_segments(splats, ids)
    assert splats.segment_ids is not None
    return torch.isin(splats.segment_ids, torch.tensor(wanted, dtype=splats.segment_ids.dtype))


def ids_of_segments(splats: Splats, ids: Iterable[int] | None = None) -> list[int]:
    """The ids asked for, each once, in order; None asks for all. Raises as `members_of_segments`."""
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


def export_object(path: Path, splats: Splats, members: Tensor | np.ndarray, plain: bool = False) -> int:
    """Write the members (N,) bool as a .ply and return how many they are. Raises PromptError if there are none.

    plain: only geometry and colour, as 3D Gaussian Splatting writes them, without features, segment ids and extras.
    """
    chosen = _checked(splats, members)
    count = int(chosen.sum())
    if count == 0:
        raise PromptError(f"nothing is selected, so {path} was not written; lower the threshold or prompt elsewhere")
    write_ply(path, _chosen(splats, chosen, plain))
    return count


def export_rest(path: Path, splats: Splats, members: Tensor | np.ndarray, plain: bool = False) -> int:
    """Write all that is not a member as a .ply, even if that is nothing, and return how many they are."""
    rest = ~_checked(splats, members)
    write_ply(path, _chosen(splats, rest, plain))
    return int(rest.sum())


def export_segments(path: Path, splats: Splats, ids: Iterable[int], plain: bool = False) -> int:
    """Write the Gaussians of some segments as one .ply and return their count. Raises as `members_of_segments`."""
    return export_object(path, splats, members_of_segments(splats, ids), plain)


def _chosen(splats: Splats, rows: Tensor, plain: bool) -> Splats:
    chosen = splats.subset(rows)
    return chosen.plain() if plain else chosen


def _checked(splats: Splats, members: Tensor | np.ndarray) -> Tensor:
    chosen = torch.as_tensor(members)
    if chosen.shape != (len(splats),) or chosen.dtype != torch.bool:
        raise ValueError(f"members must be bool of shape ({len(splats)},), got {chosen.dtype} {tuple(chosen.shape)}")
    return chosen


def _ranges(ids: list[int]) -> str:
    """1, 2, 3, 7 as "1-3, 7"; "none" if there are none."""
    spans: list[list[int]] = []
    for segment_id in ids:
        if spans and segment_id == spans[-1][1] + 1:
            spans[-1][1] = segment_id
        else:
            spans.append([segment_id, segment_id])
    return ", ".join(f"{low}-{high}" if high > low else str(low) for low, high in spans) or "none"
