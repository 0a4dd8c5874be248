"""Colour ramps for numbers. Equal steps look equal: OKLab lightness is straight between stops, hue bends.

Alphabet: t in 0..1; a table (LEVELS, 3) float32 of sRGB in 0..1.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from splatseg.oklab import srgb_of

LEVELS = 256
"""Entries of a table."""

Stop = tuple[float, float, float]
"""Lightness, chroma, hue in degrees."""

HEAT: tuple[Stop, ...] = ((0.20, 0.05, 285), (0.42, 0.14, 305), (0.60, 0.19, 10), (0.76, 0.16, 55), (0.93, 0.12, 100))
"""Similarity, from dark violet over red to light yellow: similar is hot."""

DEPTH: tuple[Stop, ...] = (
    (0.94, 0.06, 110),
    (0.80, 0.11, 160),
    (0.62, 0.11, 215),
    (0.42, 0.11, 265),
    (0.20, 0.06, 285),
)
"""Depth, from light yellow-green nearby over blue to dark violet far away, so that far surfaces recede."""


@cache
def ramp(stops: tuple[Stop, ...]) -> Tensor:
    """Return the table of a ramp through evenly spaced stops; hues turn the shorter way."""
    lightness, chroma = (np.array([stop[each] for stop in stops]) for each in (0, 1))
    # Unwrapped, 305 to 10 degrees goes on to 370 instead of back through 180.
    hue = np.unwrap(np.radians([stop[2] for stop in stops]))
    at, places = np.linspace(0, 1, LEVELS), np.linspace(0, 1, len(stops))
    colors = [
        srgb_of(*values)
        for values in zip(*(np.interp(at, places, each).tolist() for each in (lightness, chroma, hue)), strict=True)
    ]
    return torch.tensor(colors, dtype=torch.float32) / 255


def through(table: Tensor, values: Tensor) -> Tensor:
    """Return the colours (..., 3) of values (...) in 0..1; values outside take the colour of the nearer end."""
    levels = (values * (LEVELS - 1)).round_().clamp_(0, LEVELS - 1).int()
    return table.index_select(0, levels.flatten()).view(*values.shape, 3)


def turned(lab: tuple[float, float, float], turns: float, lighter: float) -> tuple[int, int, int]:
    """Return the 8-bit colour of an OKLab (lightness, a, b), its hue turned by `turns` and its lightness raised."""
    lightness, a, b = lab
    hue = math.atan2(b, a) + 2.0 * math.pi * turns
    return srgb_of(min(max(lightness + lighter, 0.0), 1.0), math.hypot(a, b), hue)
