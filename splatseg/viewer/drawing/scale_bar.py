"""Draws a bar with the colours of a ramp and the numbers at its ends into the lower left corner of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

HEIGHT = 10
"""Height of the bar, pixels, in a picture of 720 rows; everything grows with the picture."""

SHARE = 0.2
"""Length of the bar as a share of the picture's width."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Colours and meaning of a scale."""

    colors: Tensor
    """The ramp (L,3), sRGB in 0..1, from low to high (`color_maps.ramp`)."""

    title: str
    """Name of the quantity, with its unit if it has one."""

    low: str
    """Text at the first colour."""

    high: str
    """Text at the last colour."""


def add_scale(image: np.ndarray, scale: Scale) -> None:
    """Draw a scale into a picture (H,W,3) uint8, in place. A picture too small for it stays as it is."""
    unit = max(1.0, image.shape[0] / 720)
    bar, length, margin = round(HEIGHT * unit), round(SHARE * image.shape[1]), round(14 * unit)
    font = ImageFont.load_default(round(13 * unit))
    text = round(18 * unit)
    top, width = image.shape[0] - margin - bar - text, length + 2 * margin
    if top - text - margin < 0 or length < 8 * HEIGHT:
        return
    # A dark plate behind it: the numbers are read on any picture.
    plate = image[top - text - margin // 2 :, :width]
    plate[:] = (0.35 * plate).astype(np.uint8)
    levels = np.linspace(0, len(scale.colors) - 1, length).round().astype(int)
    image[top : top + bar, margin : margin + length] = (255 * scale.colors.numpy()[levels]).round().astype(np.uint8)
    drawn = Image.fromarray(image[top - text - margin // 2 :, :width])
    pen, first = ImageDraw.Draw(drawn), text + margin // 2
    white = (235, 235, 235)
    pen.text((margin, first - 4 * unit), scale.title, fill=white, font=font, anchor="lb")
    pen.text((margin, first + bar + 3 * unit), scale.low, fill=white, font=font, anchor="lt")
    pen.text((margin + length, first + bar + 3 * unit), scale.high, fill=white, font=font, anchor="rt")
    image[top - text - margin // 2 :, :width] = np.asarray(drawn)
