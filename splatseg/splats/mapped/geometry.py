"""The geometry of a huge splat in a file that is mapped into memory, and what a camera sees of it.

    means, log_scales (N,3)   quats (N,4)   opacity_logits (N,)      parameters, as `Splats` has them
    scales (N,3)   opacities (N,)                                    physical values, as the rasteriser takes them
    boxes (G,2,3) float64   reaches (G,) float32                     of every GROUP rows: finite means, largest scale

60 bytes a Gaussian on disk, each array by itself; a `.ply` has all values of a Gaussian together, so that its geometry
cannot be read without its colours. Pages of the file that are looked at belong to the system's cache, which gives way.

What a camera sees are the ranges of rows of all groups but those that it provably does not draw, which their boxes tell
(`raster.sight`). One range is taken as it lies in the file, several are copied behind one another; groups out of sight
between them are taken along where that copies nothing and at least half of the whole is in sight. Rendered alone these
Gaussians give the same bits as all N: what is not drawn has no part in the depth order, equal depths stand in the order
of the rows, and no value depends on a neighbour's.

Alphabet: N Gaussians; G groups of consecutive rows; n of the N are taken for a camera.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.machine.mapped import picked, ranges, release, scratch
from splatseg.raster.sight import runs_in_sight
from splatseg.splats.activations import to_opacities, to_scales
from splatseg.splats.splats import Splats
from splatseg.tensors import map_tensors, stream_tensors

FORMAT = "splatseg geometry 1"
"""Name of the format, in the metadata of the file."""

GROUP = 8192
"""Rows of a group: a box of its own costs 52 bytes."""

_WIDTHS = {"means": 3, "quats": 4, "log_scales": 3, "opacity_logits": 0, "scales": 3, "opacities": 0}


@dataclass(frozen=True, eq=False)
class MappedSplats(Splats):
    """N Gaussians whose geometry lies in a mapped file; whatever is rendered of them takes those in view alone.

    They are grey until colours are put in by `dataclasses.replace`. What changes the geometry returns plain `Splats`.
    """

    linear_scales: Tensor | None = None
    """Linear scales (N,3), in the file."""
    linear_opacities: Tensor | None = None
    """Opacities (N,), in the file."""
    boxes: np.ndarray | None = None
    """(G,2,3) float64, lowest and highest finite mean of each group; None where there are no groups: all is in view."""
    reaches: np.ndarray | None = None
    """(G,) float32, largest finite scale of each group, world units."""

    @property
    def scales(self) -> Tensor:
        """Standard deviations (N,3), linear, world units."""
        assert self.linear_scales is not None
        return self.linear_scales

    @property
    def opacities(self) -> Tensor:
        """Opacities (N,) in 0..1."""
        assert self.linear_opacities is not None
        return self.linear_opacities

    @property
    def resident(self) -> Splats:
        """Geometry and colour on the device of this process."""
        there = self._in_files().resident
        return self if there.means is self.means else there

    @property
    def is_mapped(self) -> bool:
        """True."""
        return True

    def rows_in_view(self, camera: Camera) -> list[slice]:
        """Return ranges of rows, ascending, with all Gaussians that a camera draws, and some others."""
        if self.boxes is None or self.reaches is None:
            return [slice(0, len(self))]
        begins, ends = runs_in_sight(self.boxes, self.reaches, camera).T
        if len(begins) and 2 * (ends - begins).sum() >= ends[-1] - begins[0]:
            begins, ends = begins[:1], ends[-1:]
        pairs = zip((begins * GROUP).tolist(), np.minimum(ends * GROUP, len(self)).tolist(), strict=True)
        return [slice(begin, end) for begin, end in pairs]

    def in_view(self, camera: Camera, colored: bool = False) -> Splats:
        """Return the Gaussians of `rows_in_view`, without features: no picture is made of them.

        colored: with their colours; they are grey otherwise.
        """
        ranges = self.rows_in_view(camera)
        names = ["means", "quats", "log_scales", "opacity_logits", "linear_scales", "linear_opacities"]
        if self.segment_ids is not None:
            names.append("segment_ids")
        taken = {name: rows_of(getattr(self, name), ranges) for name in [*names, *(("sh0", "shN") if colored else ())]}
        if not colored:
            taken |= _grey(len(taken["means"]))
        return dataclasses.replace(self, **taken, features=None, extras={}, boxes=None, reaches=None)  # type: ignore[arg-type]

    def carried_in_view(self, camera: Camera, values: Tensor) -> Tensor:
        """Return those of values (N,...) that the Gaussians of `in_view` carry."""
        return rows_of(values, self.rows_in_view(camera))

    def subset(self, which: Tensor | np.ndarray) -> Splats:
        """Return copies of the Gaussians chosen by a boolean mask (N,) or by indices, with all fields.

        They are in scratch memory (`machine.mapped`) where they are many.
        """
        numbers = torch.as_tensor(which).cpu().numpy()
        numbers = np.flatnonzero(numbers) if numbers.dtype == np.bool_ else numbers
        whole = self._in_files()
        fields = [field.name for field in dataclasses.fields(whole) if isinstance(getattr(whole, field.name), Tensor)]
        taken: dict[str, Any] = {
            name: torch.from_numpy(picked(getattr(whole, name).numpy(), numbers)) for name in fields
        }
        taken["extras"] = {name: picked(values, numbers) for name, values in self.extras.items()}
        return dataclasses.replace(whole, **taken)

    def replace(self, **changes: Tensor | None) -> Splats:
        """Return the same Gaussians with features or ids replaced, still mapped; with anything else plain `Splats`."""
        if set(changes) <= {"features", "segment_ids"}:
            return super().replace(**changes)
        return self._in_files().replace(**changes)

    def in_world(self, coordinates: Coordinates) -> Splats:
        """Return the same Gaussians in the world of other coordinates, mapped."""
        if coordinates == self.coordinates:
            return self
        count = len(self)
        means, log_scales, scales = (scratch((count, 3), np.float32) for _ in range(3))
        limits = Limits.of(count)
        for rows in ranges(count):
            numbers = self.coordinates.outwards(self.positions[rows])
            moved = self.log_scales[rows] + math.log(self.coordinates.scale / coordinates.scale)
            means[rows], log_scales[rows] = coordinates.inwards(numbers), moved.numpy()
            scales[rows] = to_scales(moved).numpy()
            limits.widen(rows.start, means[rows], scales[rows])
            release(means, log_scales, scales)
        return dataclasses.replace(
            self,
            means=torch.from_numpy(means),
            log_scales=torch.from_numpy(log_scales),
            linear_scales=torch.from_numpy(scales),
            coordinates=coordinates,
            boxes=limits.boxes,
            reaches=limits.reaches,
        )

    def rescaled(self, factor: float) -> Splats:
        """Return the same Gaussians in own coordinates times a factor above 0, in memory."""
        return self._in_files().rescaled(factor)

    def _in_files(self) -> Splats:
        """Return plain splats that share the tensors."""
        names = [field.name for field in dataclasses.fields(Splats)]
        return Splats(**{name: getattr(self, name) for name in names})


def rows_of(values: Tensor, ranges: Sequence[slice]) -> Tensor:
    """Return the rows (n,...) of ranges of values (N,...): of one range where they lie, of several a copy."""
    if len(ranges) == 1:
        return values[ranges[0]]
    return torch.cat([values[rows] for rows in (*ranges, slice(0, 0))])


def numbers_of(ranges: Sequence[slice]) -> np.ndarray:
    """Return the numbers (n,) int64 of the rows of ranges."""
    return np.concatenate([np.zeros(0, np.int64), *(np.arange(rows.start, rows.stop) for rows in ranges)])


def _grey(count: int) -> dict[str, Tensor]:
    """Return harmonics of so many Gaussians without colour."""
    return {"sh0": torch.zeros(1, 3).expand(count, 3), "shN": torch.zeros(count, 0, 3)}


@dataclass(frozen=True, eq=False)
class Limits:
    """Space that the groups of N Gaussians take, found in blocks of consecutive rows."""

    boxes: np.ndarray
    """(G,2,3) float64, lowest and highest finite mean of each group."""
    reaches: np.ndarray
    """(G,) float32, largest finite scale of each group."""

    @classmethod
    def of(cls, count: int) -> Limits:
        """Return the limits of so many Gaussians, none of which was seen yet."""
        groups = -(-count // GROUP)
        boxes = np.empty((groups, 2, 3))
        boxes[:, 0], boxes[:, 1] = np.inf, -np.inf
        return cls(boxes, np.zeros(groups, np.float32))

    def widen(self, first: int, means: np.ndarray, scales: np.ndarray) -> None:
        """Take in the rows from `first` on, with means (n,3) and linear scales (n,3)."""
        for begin in range(first - first % GROUP, first + len(means), GROUP):
            rows = slice(max(begin - first, 0), begin + GROUP - first)
            box = self.boxes[begin // GROUP]
            finite = means[rows][np.isfinite(means[rows]).all(1)]
            if len(finite):
                box[0] = np.minimum(box[0], finite.min(0))
                box[1] = np.maximum(box[1], finite.max(0))
            large, group = scales[rows], begin // GROUP
            self.reaches[group] = max(self.reaches[group], large[np.isfinite(large)].max(initial=0))


def write_geometry(path: Path, blocks: Iterable[Splats], count: int) -> None:
    """Write the geometry of `count` Gaussians, given in blocks of consecutive rows, atomically. One block is in memory.

    Raises ValueError if the blocks have another number of rows.
    """
    shapes = {name: (np.float32, (count, width) if width else (count,)) for name, width in _WIDTHS.items()}
    found, first = Limits.of(count), 0
    limits = {"boxes": (np.float64, found.boxes.shape), "reaches": (np.float32, found.reaches.shape)}
    with stream_tensors(path, FORMAT, {**shapes, **limits}) as sinks:
        for block in blocks:
            scales = to_scales(block.log_scales)
            values = {"scales": scales, "opacities": to_opacities(block.opacity_logits)}
            for name in _WIDTHS:
                part = values.get(name, getattr(block, name, None))
                assert part is not None
                sinks[name].write(part.numpy())
            found.widen(first, block.positions, scales.numpy())
            first += len(block)
        sinks["boxes"].write(found.boxes)
        sinks["reaches"].write(found.reaches)


def open_geometry(path: Path, coordinates: Coordinates = OWN) -> MappedSplats:
    """Map a file of `write_geometry`. coordinates: those of the splat. Raises RunError for any other or damaged one."""
    arrays, _ = map_tensors(path, FORMAT, "repeat the command, which writes it again")
    tensors = {name: torch.from_numpy(arrays[name]) for name in _WIDTHS}
    grey = _grey(len(tensors["means"]))
    return MappedSplats(
        means=tensors["means"],
        quats=tensors["quats"],
        log_scales=tensors["log_scales"],
        opacity_logits=tensors["opacity_logits"],
        sh0=grey["sh0"],
        shN=grey["shN"],
        coordinates=coordinates,
        linear_scales=tensors["scales"],
        linear_opacities=tensors["opacities"],
        boxes=arrays["boxes"],
        reaches=arrays["reaches"],
    )
