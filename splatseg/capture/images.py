"""Image files: their size as a camera sees them, and their pixels as (H, W, 3) uint8.

Rules:
* Orientation. Poses belong to the pixels as the reconstruction read them, and most tools ignore the EXIF tag. So pixels
  are taken as stored, unless the tag swaps the axes and only the swapped picture is portrait (or landscape) like its
  camera. A square picture is taken as stored.
* Transparency. With a background colour (Blender captures: white) pixels are composited over it; else alpha is ignored.
* Depth. 16-bit greys are scaled to 8 bits; grey, palette and CMYK become RGB. Floating images are refused.
* Size. Shrinking averages over the area of the new pixel (a box filter), as a sensor with larger pixels would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from splatseg.cameras.camera import Camera
from splatseg.errors import CaptureError

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".jp2", ".avif", ".heic", ".heif", ".jxl"),
    *(".exr", ".tga", ".ppm", ".pgm"),
)
"""Suffixes of image names, in any case; any other suffix is part of the name, so that "frame.0001" keeps its number."""

_ORIENTATION = 0x0112
"""EXIF tag of the orientation."""

_AXES_SWAPPED = (5, 6, 7, 8)
"""Values of that tag that exchange rows and columns."""


def stem_of(name: str) -> str:
    """Return a view's name without its image suffix: "left/a.b.jpg" -> "left/a.b", "frame.0001" -> "frame.0001"."""
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in IMAGE_SUFFIXES else name


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) as stored. Raises CaptureError if the file is not an image."""
    with _opened(path) as image:
        return image.size


def size_for(path: Path, camera: Camera) -> tuple[int, int]:
    """Return (width, height) of the image in the orientation of its camera, from the file's header alone.

    Raises CaptureError if the file is not an image or its shape is not that of the camera.
    """
    with _opened(path) as image:
        width, height = image.size
        if _must_swap(image, camera.width, camera.height):
            width, height = height, width
    if not camera.fits(width, height):
        raise CaptureError(
            f"{path} is {width}x{height}, but its camera is {camera.width}x{camera.height}, of another shape; use the "
            "images from which the cameras were made"
        )
    return width, height


def read_image(path: Path, width: int, height: int, background: tuple[int, int, int] | None = None) -> np.ndarray:
    """Read an image as (H,W,3) uint8 of width x height pixels; `size_for` has checked that the shape agrees.

    Raises CaptureError if the file is missing, damaged, or has floating-point pixels.
    """
    with _opened(path) as stored:
        upright = ImageOps.exif_transpose(stored) if _must_swap(stored, width, height) else stored
        image = _rgb(upright, background)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BOX)
        return np.array(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Yield the opened image. Any error while it is read becomes a CaptureError that names the file."""
    try:
        with Image.open(path) as image:
            yield image
    except FileNotFoundError as error:
        raise CaptureError(f"the image {path} does not exist; put it there") from error
    except Exception as error:  # decoders raise nearly any type of error on damaged files
        raise CaptureError(f"the image {path} cannot be read ({error}); it is damaged or not an image") from error


def _must_swap(image: Image.Image, width: int, height: int) -> bool:
    """Return True if the EXIF tag swaps the axes and one of pixels and camera is portrait, the other landscape."""
    if (image.width - image.height) * (width - height) >= 0:
        return False
    return image.getexif().get(_ORIENTATION) in _AXES_SWAPPED


def _rgb(image: Image.Image, background: tuple[int, int, int] | None) -> Image.Image:
    """Return an image of any mode as 8-bit RGB (see the module). Raises ValueError for floating-point pixels."""
    if image.mode == "F":
        raise ValueError("floating-point pixels; convert it to 8 or 16 bits")
    if image.mode.startswith("I"):
        # From 16 bits to 8: 0..65535 becomes 0..255, rounded.
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if background is not None and image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image).convert("RGB")
    if image.mode == "P" and image.has_transparency_data:
        image = image.convert("RGBA")
    return image.convert("RGB")
