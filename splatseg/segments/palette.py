"""A colour for every segment id, where nothing but the id is known; `segments.colors` chooses those of a run.

Hues advance by the golden angle, so that ids close to each other differ most; lightness and chroma take turns.
"""

from __future__ import annotations

import math

from splatseg.oklab import srgb_of

Color = tuple[int, int, int]
"""8-bit sRGB."""

GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
LIGHTNESS = (0.70, 0.58, 0.80)
CHROMA = (0.155, 0.145, 0.115)
NO_SEGMENT: Color = (32, 34, 38)
"""Near black: where there is no segment."""


def segment_color(segment_id: int) -> Color:
    """The colour of a segment id as 8-bit sRGB."""
    if segment_id <= 0:
        return NO_SEGMENT
    turn = segment_id % len(LIGHTNESS)
    return srgb_of(LIGHTNESS[turn], CHROMA[turn], segment_id * GOLDEN_ANGLE)


def hex_color(color: Color) -> str:
    """(255, 0, 128) as "#ff0080"."""
    return "#" + "".join(f"{channel:02x}" for channel in color)
