"""COCO run-length encoding of a mask, as SAM's automatic mask generator and the SA-1B files use it.

Alphabet: counts are the lengths of runs of 0, 1, 0, ... over the mask in column-major order, the first of zeros (it
may be 0). Compressed counts are a string: each count from the fourth on is stored as the difference from the count two
before; a number is a sequence of 5-bit groups, lowest first, in characters from "0" on, bit 32 = more follow, and the
highest bit of the last group is the sign.

Source: the COCO API's mask format.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def decode_rle(counts: str | bytes | Sequence[int], height: int, width: int) -> np.ndarray:
    """(H,W) bool. Raises ValueError when the counts are malformed or do not fill the mask exactly."""
    if isinstance(counts, str):
        counts = counts.encode("ascii")
    runs = _uncompressed(counts) if isinstance(counts, bytes) else np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or (runs > height * width).any() or runs.sum() != height * width:
        raise ValueError(f"run lengths do not fill a mask of {width}x{height}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _uncompressed(text: bytes) -> np.ndarray:
    """Run lengths (R,) int64 from compressed counts."""
    codes = np.frombuffer(text, np.uint8).astype(np.int64) - ord("0")
    if len(codes) == 0:
        return codes
    if (codes < 0).any() or (codes > 63).any() or codes[-1] & 32:
        raise ValueError("malformed compressed run lengths")
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > 12:
        raise ValueError("a run length too large for any mask")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(first, lengths))
    runs = np.add.reduceat((codes & 31) << shifts, first)
    runs -= np.where(codes[last] & 16, np.int64(1) << (5 * lengths), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
