"""The levels of a splat: which rows show a camera's picture, and what they carry.

    levels = build_levels(*splats.geometry)
    cut = levels.cut(camera)                       ranges of rows, at most one of each block
    means = cut.pick(levels.geometry[0])           their means; geometry has all else that is drawn
    tints = cut.pick(levels.carried(tints))        what they carry

For a camera each block of Gaussians takes its coarsest level whose cells are at most a pixel where the block is
nearest; blocks out of sight are left out. A merged Gaussian carries the mean of its parts' values, by their light.

Alphabet: N Gaussians, n of them drawable; R rows, the first n are Gaussians along the curve, the others merged ones; B
blocks; J columns of levels, the first is the Gaussians themselves; M rows of a cut; C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.cameras.camera import Camera
from splatseg.raster.interface import DEFAULT_SETTINGS
from splatseg.raster.sight import out_of_sight

Geometry = tuple[Tensor, Tensor, Tensor, Tensor]
"""Means (N,3), quats (N,4), scales (N,3) linear, opacities (N,)."""


@dataclass(frozen=True, eq=False)
class Merge:
    """Merged Gaussians made of finer rows."""

    first: int
    """The first row made; they follow one another."""
    parts: np.ndarray
    """Rows (K,) int32 that they are made of, group by group."""
    starts: np.ndarray
    """Place among the parts at which each group starts, (S+1,) int64."""
    shares: np.ndarray
    """Weight (K,) float32 of each part in its group; those of a group sum to 1."""


@dataclass(frozen=True, eq=False)
class Cut:
    """Rows that show a camera's picture."""

    ranges: np.ndarray
    """Rows [begin, end), (k,2) int64, ascending."""
    choice: np.ndarray
    """The column of levels taken of each block, (B,) int8; -1 for blocks out of sight."""

    @property
    def count(self) -> int:
        """Number of rows, M."""
        return int((self.ranges[:, 1] - self.ranges[:, 0]).sum())

    def pick(self, values: Tensor) -> Tensor:
        """Return the values (M,...) float32 of the rows, from those of all rows (R,...)."""
        array, shape = values.numpy(), (self.count, *values.shape[1:])
        # From memory that is used again: new pages for every picture would take as long as the copying.
        out: Tensor = _native.empty(shape)
        if len(self.ranges):
            np.concatenate([array[begin:end] for begin, end in self.ranges.tolist()], out=out.numpy())
        return out


@dataclass(frozen=True, eq=False)
class Levels:
    """A splat in several levels of detail."""

    order: np.ndarray
    """The Gaussians (n,) int32 along the curve; those that no picture shows are left out."""
    geometry: Geometry
    """Means (R,3), quats (R,4), scales (R,3), opacities (R,) of the rows. An opacity above 1 is of many behind one
    another; the rasteriser cuts its alpha."""
    merges: list[Merge]
    """The making of the merged Gaussians, finer ones first."""
    begins: np.ndarray
    """First row (B,J) of each block in each level; a level that a block lacks is the next finer one."""
    ends: np.ndarray
    """The end (B,J) of these rows."""
    boxes: np.ndarray
    """Lowest and highest mean (B,2,3) of each block, world units."""
    reach: np.ndarray
    """Largest scale (B,) in each block, world units."""
    cell: float
    """Side of the cells of the first level, world units; those of each further one are twice as wide."""

    def cut(self, camera: Camera, most: float = 1.0) -> Cut:
        """Choose the rows for a camera's picture at its size. most: largest side of a cell, pixels."""
        depth = _nearest_depth(self.boxes, camera)
        pixel = depth / max(float(camera.K[0, 0]), float(camera.K[1, 1]))  # world units
        column = np.floor(np.log2(most * pixel / self.cell)) + 1.0
        choice = np.clip(column, 0, self.begins.shape[1] - 1).astype(np.int8)
        choice[out_of_sight(self.boxes, self.reach, camera)] = -1
        blocks = np.flatnonzero(choice >= 0)
        return Cut(self.ranges_of(blocks, choice[blocks]), choice)

    def ranges_of(self, blocks: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the rows [begin, end) of blocks (b,) in columns of levels (b,), (k,2) int64, ascending.

        Ranges that follow one another are one, but none goes on from the Gaussians to the merged ones.
        """
        begins, ends = self.begins[blocks, columns], self.ends[blocks, columns]
        by_row = np.argsort(begins, kind="stable")
        begins, ends = begins[by_row], ends[by_row]
        opens, closes = (np.ones(len(begins), bool) for _ in range(2))
        opens[1:] = (begins[1:] != ends[:-1]) | (begins[1:] == len(self.order))
        closes[:-1] = opens[1:]
        return np.stack([begins[opens], ends[closes]], 1)

    def carried(self, values: Tensor) -> Tensor:
        """Return values (R,...) float32 of the rows, from those of the Gaussians (N,...)."""
        given = _flat(values)
        out = np.empty((len(self.geometry[3]), given.shape[1]), np.float32)
        np.take(given, self.order, 0, out=out[: len(self.order)], mode="clip")  # clip: writes without a copy
        self._carry(out)
        return torch.from_numpy(out).reshape(len(out), *values.shape[1:])

    def carried_flags(self, flags: np.ndarray) -> Tensor:
        """Return `carried` of flags (N,) bool, which are 1 and 0: (R,) float32. It takes half of the time."""
        out = _native.empty((len(self.geometry[3]), 1))  # memory that is used again
        array, n = out.numpy(), len(self.order)
        _native.flags_of(flags.view(np.uint8), self.order, array[:n, 0], torch.get_num_threads())
        self._carry(array)
        return out[:, 0]

    def _carry(self, rows: np.ndarray) -> None:
        """Fill in what merged Gaussians carry, in rows (R,C), from what the Gaussians do."""
        threads = torch.get_num_threads()
        for merge in self.merges:
            made = rows[merge.first : merge.first + len(merge.starts) - 1]
            _native.mean_of_groups(rows[: merge.first], merge.parts, merge.starts, merge.shares, made, threads)

    def merged(self, values: Tensor) -> Tensor:
        """Return the values of the merged Gaussians alone, (R-n,...): `carried` without a copy of those given."""
        given = _flat(values)
        n, threads = len(self.order), torch.get_num_threads()
        made = np.empty((len(self.geometry[3]) - n, given.shape[1]), np.float32)
        for merge in self.merges:
            parts = _gathered(given, made, self.order, merge.parts)
            places = np.arange(len(parts), dtype=np.int32)
            out = made[merge.first - n : merge.first - n + len(merge.starts) - 1]
            _native.mean_of_groups(parts, places, merge.starts, merge.shares, out, threads)
        return torch.from_numpy(made).reshape(len(made), *values.shape[1:])

    def carried_labels(self, labels: np.ndarray) -> np.ndarray:
        """Return labels (R,) int32 of the rows, from those of the Gaussians (N,): of merged ones that of most light."""
        made = np.empty(len(self.geometry[3]), np.int32)
        made[: len(self.order)] = labels[self.order]
        for merge in self.merges:
            of = np.repeat(np.arange(len(merge.starts) - 1), np.diff(merge.starts))
            parts = made[merge.parts]
            by_label = np.lexsort((parts, of))
            parts, of = parts[by_label], of[by_label]
            first = np.ones(len(of), bool)
            first[1:] = (of[1:] != of[:-1]) | (parts[1:] != parts[:-1])
            weights = np.add.reduceat(merge.shares[by_label], np.flatnonzero(first))
            parts, of = parts[first], of[first]
            # The last of each group, by weight; of equal ones the lowest label.
            ranked = np.lexsort((-parts, weights, of))
            last = np.append(np.flatnonzero(np.diff(of)), len(of) - 1)
            made[merge.first : merge.first + len(last)] = parts[ranked][last]
        return made


def _flat(values: Tensor) -> np.ndarray:
    """Return values (N,...) as (N,C) float32."""
    flat: np.ndarray = values.detach().float().reshape(len(values), math.prod(values.shape[1:])).numpy()
    return flat


def _gathered(values: np.ndarray, made: np.ndarray, order: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the values (K,...) of rows (K,), from those of all Gaussians (N,...) and of the merged ones (R-n,...)."""
    n = len(order)
    out = np.empty((len(rows), *values.shape[1:]), made.dtype)
    plain = rows < n
    out[plain] = values[order[rows[plain]]]
    out[~plain] = made[rows[~plain] - n]
    return out


def rows_of(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return all rows of ranges [begin, end), one after the other."""
    counts = ends - begins
    before = np.cumsum(counts) - counts
    rows: np.ndarray = np.arange(int(counts.sum())) + np.repeat(begins - before, counts)
    return rows


def _nearest_depth(boxes: np.ndarray, camera: Camera) -> np.ndarray:
    """Return the least depth (B,) of points in boxes (B,2,3), world units; at least the nearest that is drawn."""
    axis, offset = camera.viewmat[2, :3], camera.viewmat[2, 3]
    corner = np.where(axis > 0, boxes[:, 0], boxes[:, 1])
    nearest: np.ndarray = np.maximum(corner @ axis + offset, DEFAULT_SETTINGS.near)
    return nearest


def blur_of(cell: float) -> float:
    """Return the variance, world units^2, of the rasteriser's low-pass filter where cells of this side are drawn.

    They are from half a pixel to a pixel wide; taken is the geometric mean.
    """
    return DEFAULT_SETTINGS.eps2d * (math.sqrt(2.0) * cell) ** 2
