"""Writes a line of text on a dark plate into the lower left corner of a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 15
"""Height of the letters, pixels, in a picture of 720 rows; it grows with the picture."""


def add_caption(image: np.ndarray, text: str) -> None:
    """Write a line into a picture (H,W,3) uint8, in place, in smaller letters if it is too long for it."""
    unit = max(1.0, image.shape[0] / 720)
    margin = round(10 * unit)
    size, room = SIZE * unit, max(image.shape[1] - 4 * margin, 1)
    size *= min(1.0, room / ImageFont.load_default(size).getlength(text))
    font = ImageFont.load_default(max(size, 1.0))
    height, width = round(2.0 * size + margin), round(font.getlength(text)) + 4 * margin
    plate = image[-height:, :width]
    plate[:] = (0.3 * plate).astype(np.uint8)
    drawn = Image.fromarray(plate)
    ImageDraw.Draw(drawn).text((2 * margin, len(plate) / 2), text, fill=(245, 245, 245), font=font, anchor="lm")
    plate[:] = np.asarray(drawn)
