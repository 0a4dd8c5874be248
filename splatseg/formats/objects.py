"""Objects as files of their own: selected Gaussians with all their properties, and the rest as another file.

Alphabet: N Gaussians; members (N,) bool. The files keep features, segment ids and every property of the original file;
only rows are selected, so the object and the rest together are the whole. Some programs refuse or misread a .ply with
unknown properties (seen with gsply 0.4.6 and gaussforge 0.6.0); `plain` leaves them out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg.errors import PromptError
from splatseg.formats.ply.ply import write_ply
from splatseg.splats.splats import Splats


def export_object(path: Path, splats: Splats, members: Tensor | np.ndarray, plain: bool = False) -> int:
    """Write the members (N,) bool as a .ply and return their number. Raises PromptError if there are none.

    plain: only geometry and colour, as 3D Gaussian Splatting writes them, without features, segment ids and extras.
    """
    chosen = _checked(splats, members)
    count = int(chosen.sum())
    if count == 0:
        raise PromptError(f"nothing is selected, so {path} was not written; lower the threshold or prompt elsewhere")
    write_ply(path, _chosen(splats, chosen, plain))
    return count


def export_rest(path: Path, splats: Splats, members: Tensor | np.ndarray, plain: bool = False) -> int:
    """Write all Gaussians that are not members as a .ply, even if there are none, and return their number."""
    rest = ~_checked(splats, members)
    write_ply(path, _chosen(splats, rest, plain))
    return int(rest.sum())


def _chosen(splats: Splats, rows: Tensor, plain: bool) -> Splats:
    chosen = splats.subset(rows)
    return chosen.plain() if plain else chosen


def _checked(splats: Splats, members: Tensor | np.ndarray) -> Tensor:
    """Return members as a tensor (N,) bool. Raises ValueError for another shape or type."""
    chosen = torch.as_tensor(members)
    if chosen.shape != (len(splats),) or chosen.dtype != torch.bool:
        raise ValueError(f"members must be bool of shape ({len(splats)},), got {chosen.dtype} {tuple(chosen.shape)}")
    return chosen
