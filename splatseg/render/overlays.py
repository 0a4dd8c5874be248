"""Pictures for people: segments laid over a photograph, a selection highlighted in it, pictures side by side.

Alphabet: images (H,W,3) uint8; labels (H,W) int, 0 = none; mask (H,W) bool; colors by segment id (see `palette`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.render.occurring import occurring
from splatseg.segments.palette import Color, segment_color

SELECTED: Color = (255, 176, 32)
"""Amber: rare among the colours of things, visible to the colour-blind, readable on light and dark."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the lightness of a picture (ITU-R BT.601)."""


def color_image(labels: np.ndarray, colors: Mapping[int, Color] | None = None) -> np.ndarray:
    """Return a label map as a picture (H,W,3) uint8. `colors` takes precedence over the palette."""
    known = colors or {}
    ids, place = occurring(labels)
    table = np.zeros((len(ids), 4), np.uint8)
    for row, segment_id in enumerate(ids.tolist()):
        table[row, :3] = known.get(segment_id) or segment_color(segment_id)
    # A colour with a fourth byte is one number: fetching those is several times as fast as fetching three bytes.
    fetched = table.view(np.uint32)[:, 0][place]
    return np.ascontiguousarray(fetched.view(np.uint8).reshape(*labels.shape, 4)[..., :3])


def outlines(labels: np.ndarray) -> np.ndarray:
    """Return the outlines of segments (H,W) bool: pixels whose right or lower neighbour has another id.

    Only these two neighbours count, so that lines are one pixel wide.
    """
    touching = np.zeros(labels.shape, dtype=bool)
    touching[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    touching[:-1] |= labels[:-1] != labels[1:]
    return touching


def overlay_segments(
    image: np.ndarray, labels: np.ndarray, colors: Mapping[int, Color] | None = None, opacity: float = 0.6
) -> np.ndarray:
    """Tint the photograph by its segments and draw their outlines: (H,W,3) uint8. Pixels without a segment are grey."""
    check_shapes(image=(image, "H W 3"), labels=(labels, "H W"))
    tint = color_image(labels, colors).astype(np.float32)
    photo = image.astype(np.float32)
    grey = photo @ np.array(LUMA, np.float32)
    # The tint is laid over grey: over the photograph's own colours, two segments could end up in one colour.
    picture = (1 - opacity) * grey[..., None] + opacity * tint
    picture[labels == 0] = 0.55 * grey[labels == 0][:, None]
    picture[outlines(labels)] *= 0.45
    return _eight_bit(picture)


def overlay_selection(image: np.ndarray, mask: np.ndarray, color: Color = SELECTED) -> np.ndarray:
    """Tint and outline the selection in the photograph and dim the rest: (H,W,3) uint8."""
    check_shapes(image=(image, "H W 3"), mask=(mask, "H W"))
    photo = image.astype(np.float32)
    tint = np.array(color, np.float32)
    picture = np.where(mask[..., None], 0.75 * photo + 0.25 * tint, 0.4 * photo)
    picture[_border(mask)] = tint
    return _eight_bit(picture)


def side_by_side(pictures: Sequence[np.ndarray], gap: int = 8, background: Color = (255, 255, 255)) -> np.ndarray:
    """Place pictures in a row on a background, centred by height: (H, sum of widths and gaps, 3) uint8."""
    if not pictures:
        raise ValueError("no pictures to put side by side")
    for picture in pictures:
        check_shapes(picture=(picture, "H W 3"))
    height = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + gap * (len(pictures) - 1)
    row = np.full((height, width, 3), background, dtype=np.uint8)
    left = 0
    for picture in pictures:
        top = (height - picture.shape[0]) // 2
        row[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + gap
    return row


def _border(mask: np.ndarray) -> np.ndarray:
    """Return the mask's pixels with one of four neighbours outside the mask; the image's edge is no border."""
    padded = np.pad(mask, 1, mode="edge")
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    outline: np.ndarray = mask & ~inside
    return outline


def _eight_bit(picture: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
    return rounded
