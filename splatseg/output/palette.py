"""A colour for every segment id, the same in every run, view and file.

Hues advance by the golden angle, so that ids close to each other differ most; lightness and chroma take turns. The
colours are made in OKLCH (Björn Ottosson, 2020, "A perceptual color space for image processing", whose matrices these
are), where equal steps look equal.
"""

from __future__ import annotations

import math

import numpy as np

GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
LIGHTNESS = (0.70, 0.58, 0.80)
CHROMA = (0.155, 0.145, 0.115)
NO_SEGMENT = (32, 34, 38)
"""Near black: where there is no segment."""


def segment_color(segment_id: int) -> tuple[int, int, int]:
    """The colour of a segment id as 8-bit sRGB."""
    if segment_id <= 0:
        return NO_SEGMENT
    turn = segment_id % len(LIGHTNESS)
    hue = segment_id * GOLDEN_ANGLE
    return _srgb(LIGHTNESS[turn], CHROMA[turn] * math.cos(hue), CHROMA[turn] * math.sin(hue))


def palette(highest_id: int) -> np.ndarray:
    """Colours (highest_id + 1, 3) uint8 by id; row 0 is no segment."""
    return np.array([segment_color(segment_id) for segment_id in range(highest_id + 1)], dtype=np.uint8)


def _srgb(lightness: float, a: float, b: float) -> tuple[int, int, int]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (_encoded(channel) for channel in linear)
    return red, green, blue


def _encoded(linear: float) -> int:
    linear = min(max(linear, 0.0), 1.0)
    value = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * value)
