"""OKLab: colours in which equal steps look equal.

Source: Björn Ottosson, 2020, "A perceptual color space for image processing", whose matrices these are.

Alphabet: lightness 0..1; a (green to red), b (blue to yellow), about -0.4..0.4; in polar form chroma and hue (radians).
A distance of 0.02 is about the least that an eye sees between adjacent colours; 0.1 is clearly another colour.
"""

from __future__ import annotations

import math

import numpy as np

TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
"""Linear sRGB to responses of the long, medium and short cones."""

TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
"""Cube roots of the cone responses to lightness, a, b."""


def srgb_of(lightness: float, chroma: float, hue: float) -> tuple[int, int, int]:
    """Return the 8-bit sRGB of a colour in polar form; channels beyond sRGB are clipped."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
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


def oklab_of(colors: np.ndarray) -> np.ndarray:
    """Return OKLab (..., 3) float64 of 8-bit sRGB colours (..., 3)."""
    value = np.asarray(colors, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    lab: np.ndarray = np.cbrt(linear @ TO_CONES.T) @ TO_LAB.T
    return lab


def _encoded(linear: float) -> int:
    """Return the 8-bit value of a linear channel by the transfer function of sRGB."""
    linear = min(max(linear, 0.0), 1.0)
    value = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * value)
