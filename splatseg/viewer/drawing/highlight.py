"""The selection in a picture: tinted, and outlined where it makes up half of a pixel.

The outline is a bright line with a dark one around it, so that it is seen on light and on dark, and on any colour.

Alphabet: H x W pixels; picture (H,W,3) uint8; cover (H,W) in 0..1, the share of a pixel that is selected. Only the part
of the picture around the selection is touched, and sums are of bytes: a selection costs what it covers.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from splatseg.render.label_maps import MASK_THRESHOLD
from splatseg.render.overlays import SELECTED

TINT = 0.30
"""Share of amber in what is selected."""

DARK = 0.65
"""How much the outer line darkens what is around a selection."""

LINE = 3
"""Pixels within which the bright line lies; the dark one is twice as wide. Odd."""

REACH = LINE
"""No pixel farther than this from a covered one is changed, in x and in y."""


def highlight(picture: np.ndarray, cover: np.ndarray, tint: float = TINT) -> None:
    """Mark the selection in the picture. tint: share of amber in it."""
    inside = cover > MASK_THRESHOLD
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if len(rows) == 0:
        return
    part = tuple(slice(max(each[0] - REACH, 0), each[-1] + REACH + 1) for each in (rows, columns))
    picture, inside = picture[part], np.ascontiguousarray(inside[part])
    if tint > 0:
        np.copyto(picture, _tints(tint)[picture, (0, 1, 2)], where=inside[..., None])
    # A mean over a square is 1/2 on the border and falls off within the square: a smooth line, whatever the border.
    # It is 0 or 1 nearly everywhere, so the lines are drawn for the few pixels where it is not.
    wide = 2 * LINE + 1
    far = _summed(inside, wide)
    band = np.flatnonzero((far > 0) & (far < wide**2))
    near, far = _line(_summed(inside, LINE), LINE, band), _line(far, wide, band)
    colors = picture[np.unravel_index(band, inside.shape)].astype(np.float32)
    colors *= (1.0 - DARK * far * ~inside.ravel()[band])[:, None]
    # Within, the line takes the place of the tint where it is the brighter.
    share = np.where(inside.ravel()[band], np.maximum(near - tint, 0.0) / (1.0 - tint), near)[:, None]
    colors += share * (np.array(SELECTED, dtype=np.float32) - colors)
    picture[np.unravel_index(band, inside.shape)] = np.rint(colors)


@cache
def _tints(tint: float) -> np.ndarray:
    """(256,3) uint8: what a tinted pixel of a value becomes in each channel."""
    values = np.arange(256)[:, None]
    return np.rint(values + tint * (np.array(SELECTED) - values)).astype(np.uint8)


def _line(sums: np.ndarray, width: int, band: np.ndarray) -> np.ndarray:
    mean = sums.ravel()[band].astype(np.float32) / width**2
    line: np.ndarray = 4.0 * mean * (1.0 - mean)
    return line


def _summed(inside: np.ndarray, width: int) -> np.ndarray:
    """(H,W) uint8: how many of the width^2 <= 255 pixels around each are inside. Beyond the frame the picture goes on
    as it is at the frame, which so is no border."""
    height, length = inside.shape
    padded = np.pad(inside.view(np.uint8), width // 2, mode="edge")
    tall, sums = padded[:height].copy(), np.zeros((height, length), np.uint8)
    for k in range(1, width):
        tall += padded[k : k + height]
    for k in range(width):
        sums += tall[:, k : k + length]
    return sums
