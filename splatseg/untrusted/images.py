"""Pictures that Pillow decodes: the one door for them, which looks at the header before a pixel is allocated.

Only formats of photographs and masks are tried: some others of Pillow's start programs (EPS) or are not needed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from splatseg.untrusted.memory import INFLATED, Guard

FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA", "JPEG2000", "AVIF", "HEIF", "JXL")
"""Formats by Pillow's names; those that need a plugin count where one is installed."""

# Pillow warns of pictures from 89 million pixels on, whatever their file holds; `Guard` knows better.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

PIXEL = 16
"""Bytes that a pixel of 8 bits a channel takes at the peak of reading: decoded, turned or converted, as an array."""


@contextmanager
def open_image(source: Path | IO[bytes], guard: Guard, each: int) -> Iterator[Image.Image]:
    """Open a picture, not yet decoded, whose size is possible for its file and fits into memory.

    source: its file or a seekable stream. guard: that of the file. each: bytes that the reader takes for a pixel at its
    peak.

    Raises the guard's error for a picture too large; FileNotFoundError, or nearly any other error, for a damaged one.
    """
    try:
        opened = _open(source)
    except Image.DecompressionBombError:
        raise guard.kind(
            f"{guard.where} declares more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, the most that is decoded; "
            "scale it down"
        ) from None
    with opened as image:
        width, height = image.size
        size = f"{width}x{height} pixels"
        if min(width, height) < 1:
            raise ValueError(f"it declares {size}")
        # At least a bit for each pixel and a byte for each row, before they are deflated.
        if image.format == "PNG" and height * (1 + width // 8) > INFLATED * guard.length:
            raise guard.kind(
                f"{guard.where} declares {size}, more than its {guard.length:,} bytes can hold; export or copy it again"
            )
        guard.check(size, width * height * each)
        yield image


def _open(source: Path | IO[bytes]) -> Image.Image:
    """Open a picture of one of `FORMATS`; rarer formats are loaded only if it is none of the common ones."""
    Image.preinit()
    common = [name for name in FORMATS if name in Image.OPEN]
    try:
        return Image.open(source, formats=common)
    except UnidentifiedImageError:
        Image.init()
        for plugin in ("pillow_heif", "pi_heif"):  # HEIC, which phones write: where one of these is installed
            with suppress(ImportError):
                import_module(plugin).register_heif_opener()
        return Image.open(source, formats=[name for name in FORMATS if name in Image.OPEN])
