"""COCO run-length encoding of a mask, as SAM's automatic mask generator and the SA-1B files use it.

Alphabet: counts are the lengths of runs of 0, 1, 0, ... over the mask in column-major order, beginning with zeros (the
first count may be 0). Compressed counts are a string: each count from the fourth on is stored as the difference from
the count two before; a number is a sequence of 5-bit groups, lowest first, in characters from "0" on; bit 32 = more
groups follow; the highest bit of the last group is the sign.

Areas, boxes and overlaps are computed from the runs themselves: a mask of a million pixels has a few hundred.

pycocotools does the same in C, but trusts its input: in 2.0.11 the union of masks whose counts do not fill them never
returns, and the box of a mask of height 0 ends the process. So runs are read and checked here; tests compare the
results with those of pycocotools.

Source: the COCO API's mask format.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def decode_rle(counts: str | bytes | Sequence[int], height: int, width: int) -> np.ndarray:
    """Return the mask (H,W) bool. Raises ValueError if the counts are malformed or do not fill the mask exactly."""
    runs = read_runs(counts, height, width)
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def read_runs(counts: str | bytes | Sequence[int], height: int, width: int) -> np.ndarray:
    """Return run lengths (R,) int64 of plain or compressed counts. Raises ValueError as `decode_rle` does."""
    if isinstance(counts, str):
        counts = counts.encode("ascii")
    runs = _uncompressed(counts) if isinstance(counts, bytes) else np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or (runs > height * width).any() or runs.sum() != height * width:
        raise ValueError(f"run lengths do not fill a mask of {width}x{height}")
    return runs


def packed_of_runs(runs: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the mask as bits (ceil(H*W / 8),) uint8, np.packbits by rows. Only columns with ones are unrolled."""
    ends = np.cumsum(runs)
    if len(runs) < 2:
        return np.zeros((height * width + 7) // 8, np.uint8)
    # Columns left..right - 1 hold all ones. The zeros of other columns are cut from the first and the last run.
    left, right = int(runs[0]) // height, -(-int(ends[1::2][-1]) // height)
    inner = runs.copy()
    inner[0] -= left * height
    inner[-1] += right * height - int(ends[-1])
    if len(runs) % 2 == 0:  # the last run is of ones and ends the mask
        inner[-1] = runs[-1]
        inner = np.append(inner, right * height - int(ends[-1]))
    columns = np.repeat(np.arange(len(inner)) % 2 == 1, inner).reshape(right - left, height)
    if width % 8:
        mask = np.zeros((height, width), bool)
        mask[:, left:right] = columns.T
        return np.packbits(mask)
    # Rows begin with a byte, so eight columns are packed into bytes first, and an eighth of the mask is transposed.
    packed = np.zeros((width // 8, height), np.uint8)
    for i in range(left, right):  # np.packbits along this axis takes ten times as long
        packed[i // 8] |= columns[i - left].view(np.uint8) << (7 - i % 8)
    return np.ascontiguousarray(packed.T).ravel()


def runs_of_mask(mask: np.ndarray) -> np.ndarray:
    """Return run lengths (R,) int64 of a mask (H,W) bool."""
    # A run begins where a pixel differs from the pixel before it, going down the columns.
    down = np.ascontiguousarray(mask.T).ravel()
    changes = np.flatnonzero(down[1:] != down[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [len(down)]]))
    # The first run is of zeros: of length 0 if the mask begins with a one.
    return np.concatenate([[0], runs]) if len(down) and down[0] else runs


def runs_of_regions(members: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return run lengths of M masks that consist of regions: members (M,R) bool, labels (H,W) integers 0..R-1.

    The label map is run through once, and every mask then only through its runs.
    """
    down = np.ascontiguousarray(labels.T).ravel()
    starts = np.concatenate([[0], np.flatnonzero(down[1:] != down[:-1]) + 1])
    region, size = down[starts], len(down)
    found = []
    for row in members:
        inside = row[region]
        begins = starts[np.flatnonzero(np.diff(inside, prepend=False))]
        found.append(np.diff(np.concatenate([[0], begins, [size]])))
    return tuple(found)


def compressed_counts(runs: np.ndarray) -> str:
    """Return run lengths (R,) as COCO's string."""
    values = np.array(runs, np.int64)
    values[3:] -= np.asarray(runs, np.int64)[1:-2]
    groups = np.arange(12)
    # Groups that a value needs with its sign: -16 .. 15 one, -512 .. 511 two, ...
    magnitude = np.where(values < 0, ~values, values)
    needed = 1 + (magnitude[:, None] >> (5 * groups[:-1] + 4) > 0).sum(axis=1)
    # A table of all groups of all values, plus 32 if another group follows; the needed groups are taken row by row.
    codes = values[:, None] >> (5 * groups) & 31 | np.where(groups + 1 < needed[:, None], 32, 0)
    written: np.ndarray = codes[groups < needed[:, None]] + ord("0")
    return written.astype(np.uint8).tobytes().decode("ascii")


def area_of_runs(runs: np.ndarray) -> int:
    """Return the number of pixels of the mask."""
    return int(runs[1::2].sum())


def box_of_runs(runs: np.ndarray, height: int) -> tuple[int, int, int, int]:
    """Return (x, y, width, height) of the smallest box around the mask; zeros for an empty mask."""
    ends = np.cumsum(runs)
    first, last = (ends - runs)[1::2], ends[1::2] - 1
    first, last = first[first <= last], last[first <= last]  # without runs of length 0
    if len(first) == 0:
        return 0, 0, 0, 0
    whole = first // height != last // height  # a run that continues in the next column touches bottom and top
    top, bottom = (0, height - 1) if whole.any() else (int((first % height).min()), int((last % height).max()))
    left = int(first[0]) // height
    return left, top, int(last[-1]) // height - left + 1, bottom - top + 1


def spans_of_runs(runs: np.ndarray) -> np.ndarray:
    """Return spans (S,2) int64 of the runs of ones: the first pixel, and the pixel after the last."""
    ends = np.cumsum(runs)
    return np.stack([(ends - runs)[1::2], ends[1::2]], axis=1)


def shared_pixels(one: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """Return the number of pixels (K,) int64 that a mask shares with each of K masks of its size, all as spans.

    The number of the mask's pixels before pixel p grows linearly over each span, so a span of another mask needs two
    look-ups.
    """
    if len(one) == 0 or len(others) == 0:
        return np.zeros(len(others), np.int64)
    lengths = one[:, 1] - one[:, 0]
    after = np.cumsum(lengths)
    before = np.stack([after - lengths, after], axis=1).ravel()
    # One look-up for all spans of all masks; then sums over the spans of each mask, as differences of a running sum.
    ends = np.interp(np.concatenate(others).ravel(), one.ravel(), before).reshape(-1, 2)
    inside = np.concatenate([[0.0], np.cumsum(ends[:, 1] - ends[:, 0])])
    borders = np.cumsum([0, *(len(spans) for spans in others)])
    shared: np.ndarray = np.rint(np.diff(inside[borders])).astype(np.int64)
    return shared


def _uncompressed(text: bytes) -> np.ndarray:
    """Return run lengths (R,) int64 of compressed counts. Raises ValueError if they are malformed."""
    codes = np.frombuffer(text, np.uint8).astype(np.int64) - ord("0")
    if len(codes) == 0:
        return codes
    if (codes < 0).any() or (codes > 63).any() or codes[-1] & 32:
        raise ValueError("malformed compressed run lengths")
    # A number ends at the group without bit 32; its groups are shifted to their positions and added up.
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > 12:
        raise ValueError("a run length too large for any mask")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(first, lengths))
    runs = np.add.reduceat((codes & 31) << shifts, first)
    # Bit 16 of the last group is the sign: two's complement of 5 bits for each group.
    runs -= np.where(codes[last] & 16, np.int64(1) << (5 * lengths), 0)
    # Numbers from the fourth on are differences from the run two before: odd and even positions are summed separately.
    # The number at position 0 is in neither sum.
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
