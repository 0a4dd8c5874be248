"""The geometry of a huge splat in a file that is mapped into memory, and what a camera sees of it.

    means, log_scales (N,3)   quats (N,4)   opacity_logits (N,)      parameters, as `Splats` has them
    scales (N,3)   opacities (N,)                                    physical values, as the rasteriser takes them
    boxes (G,2,3) float64   reaches (G,) float32                     of every GROUP rows: finite means, largest scale

60 bytes a Gaussian on disk, each array by itself; a `.ply` has all values of a Gaussian together, so that its geometry
cannot be read without its colours. Pages of the file that are looked at belong to the system's cache, which gives way.

What a camera sees is found in two steps: groups that it provably does not draw are left out by their boxes
(`raster.sight`), the Gaussians of the others are projected, and those that meet a pixel are copied, in the
order of the rows. Rendered alone they give the same bits as all N: what is not drawn has no part in the depth order,
equal depths stand in the order of the rows, and no value depends on a neighbour's.

Alphabet: N Gaussians; G groups of consecutive rows; n of the N are seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.raster.sight import may_be_drawn, out_of_sight
from splatseg.splats.activations import to_opacities, to_scales
from splatseg.splats.splats import Splats
from splatseg.tensors import map_tensors, stream_tensors

FORMAT = "splatseg geometry 1"
"""Name of the format, in the metadata of the file."""

GROUP = 8192
"""Rows of a group: a box of its own costs 52 bytes."""

ROWS_AT_ONCE = 1 << 20
"""Rows that are projected at once to tell which of them are seen."""

_WIDTHS = {"means": 3, "quats": 4, "log_scales": 3, "opacity_logits": 0, "scales": 3, "opacities": 0}


@dataclass(frozen=True, eq=False)
class MappedSplats:
    """The geometry of N Gaussians in a mapped file."""

    splats: Splats
    """All Gaussians, grey, without features and ids. Its geometry lies in the file."""
    scales: Tensor
    """Linear scales (N,3) in the file."""
    opacities: Tensor
    """Opacities (N,) in the file."""
    boxes: np.ndarray
    """(G,2,3) float64, lowest and highest finite mean of each group."""
    reaches: np.ndarray
    """(G,) float32, largest finite scale of each group, world units."""

    def __len__(self) -> int:
        return len(self.splats)

    def rows_seen(self, camera: Camera) -> np.ndarray:
        """Return the rows (n,) int64, ascending, of all Gaussians that a camera draws, and maybe of some others."""
        rows = [
            begin + np.flatnonzero(may_be_drawn(*self._rows(slice(begin, end)), camera).numpy())
            for begin, end in _ranges(~out_of_sight(self.boxes, self.reaches, camera), len(self))
        ]
        return np.concatenate([np.zeros(0, np.int64), *rows])

    def geometry_of(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return copies of the geometry of rows (n,), as the rasteriser takes it (`Splats.geometry`)."""
        means, quats, scales, opacities = (torch.from_numpy(part.numpy()[rows]) for part in self._rows(slice(None)))
        return means, quats, scales, opacities

    def subset_seen(self, camera: Camera, ids: np.ndarray | None = None) -> Splats:
        """Return copies of the Gaussians that a camera draws, grey, with their segments of ids (N,), if given."""
        rows = self.rows_seen(camera)
        part = self.splats.subset(rows)
        return part if ids is None else part.replace(segment_ids=torch.from_numpy(ids[rows].astype(np.int32)))

    def _rows(self, rows: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.splats.means[rows], self.splats.quats[rows], self.scales[rows], self.opacities[rows]


def write_geometry(path: Path, blocks: Iterable[Splats], count: int) -> None:
    """Write the geometry of `count` Gaussians, given in blocks of consecutive rows, atomically. One block is in memory.

    Raises ValueError if the blocks have another number of rows.
    """
    shapes = {name: (np.float32, (count, width) if width else (count,)) for name, width in _WIDTHS.items()}
    groups = -(-count // GROUP)
    limits = {"boxes": (np.float64, (groups, 2, 3)), "reaches": (np.float32, (groups,))}
    boxes, reaches = np.empty((groups, 2, 3)), np.zeros(groups, np.float32)
    boxes[:, 0], boxes[:, 1] = np.inf, -np.inf
    first = 0
    with stream_tensors(path, FORMAT, {**shapes, **limits}) as sinks:
        for block in blocks:
            scales = to_scales(block.log_scales)
            values = {"scales": scales, "opacities": to_opacities(block.opacity_logits)}
            for name in _WIDTHS:
                part = values.get(name, getattr(block, name, None))
                assert part is not None
                sinks[name].write(part.numpy())
            _widen(boxes, reaches, first, block.positions, scales.numpy())
            first += len(block)
        sinks["boxes"].write(boxes)
        sinks["reaches"].write(reaches)


def open_geometry(path: Path, coordinates: Coordinates = OWN) -> MappedSplats:
    """Map a file of `write_geometry`. coordinates: those of the splat. Raises RunError for any other or damaged one."""
    arrays, _ = map_tensors(path, FORMAT, "repeat the command, which writes it again")
    tensors = {name: torch.from_numpy(arrays[name]) for name in _WIDTHS}
    count = len(tensors["means"])
    splats = Splats(
        means=tensors["means"],
        quats=tensors["quats"],
        log_scales=tensors["log_scales"],
        opacity_logits=tensors["opacity_logits"],
        sh0=torch.zeros(1, 3).expand(count, 3),
        shN=torch.zeros(count, 0, 3),
        coordinates=coordinates,
    )
    return MappedSplats(splats, tensors["scales"], tensors["opacities"], arrays["boxes"], arrays["reaches"])


def _widen(boxes: np.ndarray, reaches: np.ndarray, first: int, means: np.ndarray, scales: np.ndarray) -> None:
    """Take rows from `first` on, with means (n,3) and scales (n,3), into the boxes and reaches of their groups."""
    for begin in range(first - first % GROUP, first + len(means), GROUP):
        rows = slice(max(begin - first, 0), begin + GROUP - first)
        group = begin // GROUP
        finite = means[rows][np.isfinite(means[rows]).all(1)]
        if len(finite):
            boxes[group, 0] = np.minimum(boxes[group, 0], finite.min(0))
            boxes[group, 1] = np.maximum(boxes[group, 1], finite.max(0))
        large = scales[rows]
        reaches[group] = max(reaches[group], large[np.isfinite(large)].max(initial=0))


def _ranges(groups: np.ndarray, count: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ROWS_AT_ONCE rows that make up the groups (G,) bool, ascending; count: number of rows."""
    most = ROWS_AT_ONCE // GROUP
    steps = np.flatnonzero(np.diff(groups, prepend=False, append=False))
    for begin, end in zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True):
        for place in range(begin, end, most):
            yield place * GROUP, min(min(place + most, end) * GROUP, count)
