"""COCO run-length encoding of a mask, as SAM's automatic mask generator and the SA-1B files use it.

Alphabet: counts are the lengths of runs of 0, 1, 0, ... over the mask in column-major order, the first of zeros (it
may be 0). Compressed counts are a string: each count from the fourth on is stored as the difference from the count two
before; a number is a sequence of 5-bit groups, lowest first, in characters from "0" on, bit 32 = more follow, and the
highest bit of the last group is the sign.

Areas, boxes and overlaps are computed from the runs themselves: a mask of a million pixels has a few hundred.

pycocotools does the same in C, but trusts its input: in 2.0.11 the union of masks whose counts do not fill them never
returns, and the box of a mask of height 0 ends the process. So runs are read and checked here, and tests hold the
results to pycocotools' own.

Source: the COCO API's mask format.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def decode_rle(counts: str | bytes | Sequence[int], height: int, width: int) -> np.ndarray:
    """(H,W) bool. Raises ValueError when the counts are malformed or do not fill the mask exactly."""
    runs = read_runs(counts, height, width)
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def read_runs(counts: str | bytes | Sequence[int], height: int, width: int) -> np.ndarray:
    """Run lengths (R,) int64 from plain or compressed counts. Raises ValueError as `decode_rle` does."""
    if isinstance(counts, str):
        counts = counts.encode("ascii")
    runs = _uncompressed(counts) if isinstance(counts, bytes) else np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or (runs > height * width).any() or runs.sum() != height * width:
        raise ValueError(f"run lengths do not fill a mask of {width}x{height}")
    return runs


def packed_of_runs(runs: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask as bits, (ceil(H*W / 8),) uint8, np.packbits over its rows. Only the columns it spans are unrolled."""
    ends = np.cumsum(runs)
    if len(runs) < 2:
        return np.zeros((height * width + 7) // 8, np.uint8)
    # Columns left..right - 1 hold all ones. Zeros before them and after them are cut from the first and the last run.
    left, right = int(runs[0]) // height, -(-int(ends[1::2][-1]) // height)
    inner = runs.copy()
    inner[0] -= left * height
    inner[-1] += right * height - int(ends[-1])
    if len(runs) % 2 == 0:  # the last run is of ones and ends the mask
        inner[-1] = runs[-1]
        inner = np.append(inner, right * height - int(ends[-1]))
    mask = np.zeros((height, width), bool)
    mask[:, left:right] = np.repeat(np.arange(len(inner)) % 2 == 1, inner).reshape(right - left, height).T
    return np.packbits(mask)


def runs_of_mask(mask: np.ndarray) -> np.ndarray:
    """Run lengths (R,) int64 of an (H,W) boolean mask."""
    # A run begins where a pixel differs from the one before it, going down the columns.
    down = np.ascontiguousarray(mask.T).ravel()
    changes = np.flatnonzero(down[1:] != down[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [len(down)]]))
    # The first run is of zeros, none of them if the mask begins with a one.
    return np.concatenate([[0], runs]) if len(down) and down[0] else runs


def compressed_counts(runs: np.ndarray) -> str:
    """The runs as a string, as COCO writes them."""
    values = np.array(runs, np.int64)
    values[3:] -= np.asarray(runs, np.int64)[1:-2]
    groups = np.arange(12)
    # A value needs as many groups as make it fit with a sign: -16 .. 15 one, -512 .. 511 two, ...
    magnitude = np.where(values < 0, ~values, values)
    needed = 1 + (magnitude[:, None] >> (5 * groups[:-1] + 4) > 0).sum(axis=1)
    # A table of all groups of all values, 32 added where another follows; those that are needed are taken row by row.
    codes = values[:, None] >> (5 * groups) & 31 | np.where(groups + 1 < needed[:, None], 32, 0)
    written: np.ndarray = codes[groups < needed[:, None]] + ord("0")
    return written.astype(np.uint8).tobytes().decode("ascii")


def area_of_runs(runs: np.ndarray) -> int:
    """Pixels of the mask."""
    return int(runs[1::2].sum())


def box_of_runs(runs: np.ndarray, height: int) -> tuple[int, int, int, int]:
    """(x, y, width, height) of the smallest box around the mask; zeros for an empty one."""
    ends = np.cumsum(runs)
    first, last = (ends - runs)[1::2], ends[1::2] - 1
    first, last = first[first <= last], last[first <= last]  # without runs of no pixel
    if len(first) == 0:
        return 0, 0, 0, 0
    whole = first // height != last // height  # such a run goes on in the next column: it touches bottom and top
    top, bottom = (0, height - 1) if whole.any() else (int((first % height).min()), int((last % height).max()))
    left = int(first[0]) // height
    return left, top, int(last[-1]) // height - left + 1, bottom - top + 1


def spans_of_runs(runs: np.ndarray) -> np.ndarray:
    """(S,2) int64, first pixel and the one after the last of each run of ones."""
    ends = np.cumsum(runs)
    return np.stack([(ends - runs)[1::2], ends[1::2]], axis=1)


def shared_pixels(one: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """(K,) int64, pixels that a mask has in common with each of K masks of its size, all given as spans.

    The number of its pixels before pixel p grows linearly over each span, so a span of another needs two look-ups.
    """
    if len(one) == 0 or len(others) == 0:
        return np.zeros(len(others), np.int64)
    lengths = one[:, 1] - one[:, 0]
    after = np.cumsum(lengths)
    before = np.stack([after - lengths, after], axis=1).ravel()
    # All spans of all masks in one look-up; then sums over the spans of each mask, as differences of a running sum.
    ends = np.interp(np.concatenate(others).ravel(), one.ravel(), before).reshape(-1, 2)
    inside = np.concatenate([[0.0], np.cumsum(ends[:, 1] - ends[:, 0])])
    borders = np.cumsum([0, *(len(spans) for spans in others)])
    shared: np.ndarray = np.rint(np.diff(inside[borders])).astype(np.int64)
    return shared


def _uncompressed(text: bytes) -> np.ndarray:
    """Run lengths (R,) int64 from compressed counts."""
    codes = np.frombuffer(text, np.uint8).astype(np.int64) - ord("0")
    if len(codes) == 0:
        return codes
    if (codes < 0).any() or (codes > 63).any() or codes[-1] & 32:
        raise ValueError("malformed compressed run lengths")
    # A number ends at the group without the bit 32; its groups are shifted to their places and added up.
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > 12:
        raise ValueError("a run length too large for any mask")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(first, lengths))
    runs = np.add.reduceat((codes & 31) << shifts, first)
    # Bit 16 of the last group is the sign: two's complement of as many bits as there are groups.
    runs -= np.where(codes[last] & 16, np.int64(1) << (5 * lengths), 0)
    # Numbers from the fourth on are differences from the run two before, so odd and even places add up apart; the
    # first, at place 0, is part of neither.
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
