"""Marks the selection in a picture: a tint, and an outline where it makes up half of a pixel.

The outline is a bright line with a dark line around it, so that it shows on any colour.

Alphabet: H x W pixels; picture (H,W,3) uint8; cover (H,W) in 0..1, the selected share of a pixel. Only the rectangle
around the selection is touched, and sums are of bytes, so the time depends on the size of the selection.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from splatseg.render.label_maps import MASK_THRESHOLD
from splatseg.render.overlays import SELECTED

TINT = 0.30
"""Share of amber in a selected pixel."""

DARK = 0.65
"""Share by which the outer line darkens the surroundings of a selection."""

LINE = 3
"""Width in pixels of the bright line, odd; the dark line is twice as wide."""

REACH = LINE
"""Largest distance, in x and in y, of a changed pixel from a covered one."""


def highlight(picture: np.ndarray, cover: np.ndarray, tint: float = TINT) -> None:
    """Mark the selection in the picture, in place. tint: share of amber in a selected pixel."""
    inside = cover > MASK_THRESHOLD
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if len(rows) == 0:
        return
    part = tuple(slice(max(each[0] - REACH, 0), each[-1] + REACH + 1) for each in (rows, columns))
    picture, inside = picture[part], np.ascontiguousarray(inside[part])
    if tint > 0:
        np.copyto(picture, _tints(tint)[picture, (0, 1, 2)], where=inside[..., None])
    # The mean over a square is 1/2 on the border and falls to 0 or 1 within the square's reach: 4 m (1 - m) is a smooth
    # line along any border. Away from it the mean is exactly 0 or 1, so only the pixels in the band are computed.
    wide = 2 * LINE + 1
    far = _summed(inside, wide)
    band = np.flatnonzero((far > 0) & (far < wide**2))
    near, far = _line(_summed(inside, LINE), LINE, band), _line(far, wide, band)
    colors = picture[np.unravel_index(band, inside.shape)].astype(np.float32)
    colors *= (1.0 - DARK * far * ~inside.ravel()[band])[:, None]
    # Inside, the tint is amber already: the line adds only what it has beyond the tint.
    share = np.where(inside.ravel()[band], np.maximum(near - tint, 0.0) / (1.0 - tint), near)[:, None]
    colors += share * (np.array(SELECTED, dtype=np.float32) - colors)
    picture[np.unravel_index(band, inside.shape)] = np.rint(colors)


@cache
def _tints(tint: float) -> np.ndarray:
    """Return a table (256,3) uint8: the tinted value of each value, by channel."""
    values = np.arange(256)[:, None]
    return np.rint(values + tint * (np.array(SELECTED) - values)).astype(np.uint8)


def _line(sums: np.ndarray, width: int, band: np.ndarray) -> np.ndarray:
    """Return the strength of a line, 0..1, at the pixels of a band (indices into the flat sums)."""
    mean = sums.ravel()[band].astype(np.float32) / width**2
    line: np.ndarray = 4.0 * mean * (1.0 - mean)
    return line


def _summed(inside: np.ndarray, width: int) -> np.ndarray:
    """Return for each pixel how many of the width^2 <= 255 pixels around it are inside: (H,W) uint8.

    Beyond the frame its pixels repeat, so the frame is no border.
    """
    height, length = inside.shape
    padded = np.pad(inside.view(np.uint8), width // 2, mode="edge")
    # Separable: first the sums of `width` pixels in each column, then of `width` such sums along each row.
    tall, sums = padded[:height].copy(), np.zeros((height, length), np.uint8)
    for k in range(1, width):
        tall += padded[k : k + height]
    for k in range(width):
        sums += tall[:, k : k + length]
    return sums
