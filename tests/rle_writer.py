"""COCO run-length encoding for the tests, one number at a time."""

from __future__ import annotations

import numpy as np


def run_lengths(mask: np.ndarray) -> list[int]:
    """Runs of 0, 1, 0, ... down the columns."""
    counts, current, length = [], False, 0
    for pixel in mask.T.ravel().tolist():
        if pixel != current:
            counts.append(length)
            current, length = pixel, 0
        length += 1
    return [*counts, length]


def compressed(counts: list[int]) -> str:
    text = ""
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        while True:
            group, value = value & 31, value >> 5
            done = value == (-1 if group & 16 else 0)
            text += chr(48 + (group if done else group | 32))
            if done:
                break
    return text
