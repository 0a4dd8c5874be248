"""Builds the levels of a splat: Gaussians along a space-filling curve, merged in cells that double from level to level.

    levels = build_levels(*splats.geometry)

The Gaussians are sorted by Morton code of a cubic grid. BLOCK consecutive ones are a block, which has levels of its
own: level j of a block merges those that lie in one cell of side 2^j voxels to one Gaussian (native/points/merge.h:
mean, covariance and light). Gaussians larger than the cell stay as they are. A level is made of the next finer one,
as if that were the splat, and only if it has at most HALF as many rows; so all levels together have fewer rows than the
splat. The same bits on any number of threads.

Alphabet: N Gaussians, n of them drawable; B blocks; J = BITS + 2 columns; R rows: the n along the curve, then merged
ones, level by level.

Source: cuts through hierarchies of merged Gaussians (Kerbl et al. 2024, arXiv 2406.12080); cells instead of a tree of
pairs, so that a block of one level is one range of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.formats.morton import BITS, morton_codes
from splatseg.levels.levels import Levels, Merge, blur_of, rows_of
from splatseg.raster.interface import DEFAULT_SETTINGS

BLOCK = 4096
"""Gaussians of a block. Fewer make more ranges to copy for a picture, more make blocks that are too near at one end."""

HALF = 0.5
"""Most rows of a level, as a share of those of the next finer one of its block."""

LARGEST = 1.0
"""Largest scale of a Gaussian that is merged, as a share of the cell's side. Half of it draws up to a third more rows,
for 1 dB more (composed_14, repeated to 2 million Gaussians)."""

AT_ONCE = 1 << 18
"""Rows merged at once: what is gathered for them is small beside the splat."""


class StoppedError(Exception):
    """Raised out of `build_levels` when it was stopped."""


def build_levels(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, stopped: Callable[[], bool] = lambda: False
) -> Levels:
    """Build the levels of Gaussians: means (N,3), quats (N,4), scales (N,3) linear, opacities (N,), on the processor.

    stopped: asked now and then; raises StoppedError once it returns True.
    """
    geometry = [part.detach().float().contiguous().numpy() for part in (means, quats, scales, opacities)]
    return _Builder(geometry, stopped).levels()


class _Builder:
    def __init__(self, geometry: list[np.ndarray], stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        good = np.flatnonzero(_drawable(*geometry)).astype(np.int32)
        codes, self._voxel = morton_codes(geometry[0][good])
        along = np.argsort(codes, kind="stable")
        codes, self._order = codes[along], good[along]
        self._n = len(good)
        del along, good
        self._starts = np.minimum(np.arange(-(-self._n // BLOCK) + 1, dtype=np.int64) * BLOCK, self._n)
        sorted_parts = [part[self._order] for part in geometry]
        reach = sorted_parts[2].max(1) if self._n else np.zeros(0, np.float32)
        self._reach = np.maximum.reduceat(reach, self._starts[:-1]) if self._n else reach
        finest = _finest(reach, LARGEST * self._voxel)
        self._planned, most = _plan(codes, finest, self._starts)
        # Pages of the rows that turn out not to be needed are never touched, and so take no memory.
        *self._arrays, self._finest, self._codes = (_longer(part, most) for part in (*sorted_parts, finest, codes))
        self._rows = self._n
        self._merges: list[Merge] = []

    def levels(self) -> Levels:
        """Merge level by level, and put all together."""
        begins = np.empty((len(self._starts) - 1, BITS + 2), np.int64)
        ends = np.empty_like(begins)
        begins[:, 0], ends[:, 0] = self._starts[:-1], self._starts[1:]
        for level in range(BITS + 1):
            begins[:, level + 1], ends[:, level + 1] = begins[:, level], ends[:, level]
            chosen = np.flatnonzero(self._planned[:, level])
            for some in _portions(chosen, (ends - begins)[:, level]):
                if self._stopped():
                    raise StoppedError
                self._merge(level, some, begins[:, level + 1], ends[:, level + 1])
        means, quats, scales, opacities = (torch.from_numpy(part[: self._rows]) for part in self._arrays)
        return Levels(
            order=self._order,
            geometry=(means, quats, scales, opacities),
            merges=self._merges,
            begins=begins,
            ends=ends,
            boxes=_boxes(self._arrays[0], self._starts),
            reach=self._reach,
            cell=self._voxel,
        )

    def _merge(self, level: int, blocks: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> None:
        """Merge the rows of some blocks for a level, and append what comes of it; begins and ends (B,) are changed."""
        rows = rows_of(begins[blocks], ends[blocks])
        of = np.repeat(np.arange(len(blocks)), (ends - begins)[blocks])
        cell = self._codes[rows] >> np.uint64(3 * level)
        # Each row is led by the first small row of its block and cell; large rows lead themselves.
        leader = np.arange(len(rows))
        small = np.flatnonzero(self._finest[rows] <= level)
        new = np.ones(len(small), bool)
        new[1:] = (np.diff(cell[small]) != 0) | (np.diff(of[small]) != 0)
        leader[small] = small[new][np.cumsum(new) - 1]
        heads = np.flatnonzero(leader == np.arange(len(rows)))
        starts = np.concatenate([[0], np.cumsum(np.bincount(leader, minlength=len(rows))[heads])])
        parts = rows[np.argsort(leader, kind="stable")].astype(np.int32)
        made, shares = slice(self._rows, self._rows + len(heads)), np.empty(len(parts), np.float32)
        means, quats, scales, opacities = self._arrays
        known, out = (
            (means[which], quats[which], scales[which], opacities[which]) for which in (slice(self._rows), made)
        )
        blur = blur_of(2.0**level * self._voxel)
        _native.merge_gaussians(known, parts, starts, blur, out, shares, torch.get_num_threads())
        self._merges.append(Merge(self._rows, parts, starts, shares))
        self._finest[made] = _finest(out[2].max(1), LARGEST * self._voxel)
        self._codes[made] = self._codes[rows[heads]]
        ends[blocks] = self._rows + np.cumsum(np.bincount(of[heads], minlength=len(blocks)))
        begins[blocks] = np.concatenate([[self._rows], ends[blocks][:-1]])
        self._rows = made.stop


def _drawable(means: np.ndarray, quats: np.ndarray, scales: np.ndarray, opacities: np.ndarray) -> np.ndarray:
    """Return (N,) bool: the Gaussians that the rasteriser draws from some camera."""
    finite = np.isfinite(means).all(1) & np.isfinite(quats).all(1) & np.isfinite(scales).all(1)
    drawable: np.ndarray = finite & (quats != 0).any(1) & (opacities >= DEFAULT_SETTINGS.alpha_min)
    return drawable


def _finest(reach: np.ndarray, smallest: float) -> np.ndarray:
    """Return (n,) int8: the finest level in which Gaussians with a largest scale `reach` may be merged."""
    with np.errstate(divide="ignore"):
        needed = np.ceil(np.log2(reach.astype(np.float64) / smallest))
    return np.clip(needed, 0, BITS + 1).astype(np.int8)


def _plan(codes: np.ndarray, finest: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, int]:
    """Return which levels each block has, (B,BITS+1) bool, and the most rows of all."""
    n, blocks, kinds = len(codes), len(starts) - 1, BITS + 2
    # A row begins a group at level j if that is below this: its code and the one before lie in cells of their own.
    apart = np.full(n, BITS + 1, np.int8)
    # The exponent of a float is the number of bits; rounded up beyond 2^53, which may count a row too much.
    apart[1:] = (np.frexp((codes[1:] ^ codes[:-1]).astype(np.float64))[1] + 2) // 3
    apart[starts[:-1]] = BITS + 1
    block = np.arange(n) // BLOCK * kinds
    beginning, large = (
        np.bincount(block + level, minlength=blocks * kinds).reshape(blocks, kinds)
        for level in (np.maximum(apart, finest), finest)
    )
    rows = beginning.sum(1, keepdims=True) - np.cumsum(beginning, 1)
    # A large row between two small ones of a cell hides that the second begins no group, or that it does.
    most = rows + large.sum(1, keepdims=True) - np.cumsum(large, 1)
    planned, now = np.zeros((blocks, BITS + 1), bool), np.diff(starts)
    for level in range(BITS + 1):
        planned[:, level] = rows[:, level] <= HALF * now
        now = np.where(planned[:, level], rows[:, level], now)
    return planned, int(most[:, :-1][planned].sum())


def _portions(blocks: np.ndarray, counts: np.ndarray) -> Iterator[np.ndarray]:
    """Yield blocks in portions that have about AT_ONCE rows."""
    portion = np.cumsum(counts[blocks]) // AT_ONCE
    yield from np.split(blocks, np.flatnonzero(np.diff(portion)) + 1) if len(blocks) else ()


def _boxes(means: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the lowest and highest means (B,2,3) of the rows from each start to the next."""
    boxes = np.empty((len(starts) - 1, 2, 3), np.float32)
    for box, begin, end in zip(boxes, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        box[0], box[1] = means[begin:end].min(0), means[begin:end].max(0)
    return boxes


def _longer(array: np.ndarray, by: int) -> np.ndarray:
    longer = np.empty((len(array) + by, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
