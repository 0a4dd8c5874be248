"""A colour for every segment id, if only the id is known; `segments.colors` chooses the colours of a run.

Hues advance by the golden angle, so that neighbouring ids differ most; lightness and chroma alternate.
"""

from __future__ import annotations

import math

from splatseg.oklab import srgb_of

Color = tuple[int, int, int]
"""8-bit sRGB."""

GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
LIGHTNESS = (0.70, 0.58, 0.80)
CHROMA = (0.155, 0.145, 0.115)
"""Lightness and chroma of ids by their remainder."""

NO_SEGMENT: Color = (32, 34, 38)
"""Colour of pixels without a segment, near black."""


def segment_color(segment_id: int) -> Color:
    """Return the colour of a segment id as 8-bit sRGB."""
    if segment_id <= 0:
        return NO_SEGMENT
    turn = segment_id % len(LIGHTNESS)
    return srgb_of(LIGHTNESS[turn], CHROMA[turn], segment_id * GOLDEN_ANGLE)


def hex_color(color: Color) -> str:
    """Return a colour as text: (255, 0, 128) as "#ff0080"."""
    return "#" + "".join(f"{channel:02x}" for channel in color)
