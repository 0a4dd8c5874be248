"""Label maps and masks at another size, where no new value may come up between two old ones."""

from __future__ import annotations

import numpy as np


def nearest_pixels(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels (...,H,W) at another size, (...,height,width): each new pixel takes the old one under its centre."""
    old_height, old_width = pixels.shape[-2:]
    rows = (2 * np.arange(height) + 1) * old_height // (2 * height)
    columns = (2 * np.arange(width) + 1) * old_width // (2 * width)
    resampled: np.ndarray = pixels[..., rows[:, None], columns]
    return resampled
