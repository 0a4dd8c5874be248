"""Image files: their size as a camera sees them, and their pixels as (H, W, 3) uint8.

What is decided here:
* Orientation. Poses belong to the pixels as the reconstruction read them, and most tools ignore the EXIF tag. So pixels
  are taken as stored, unless the tag swaps the axes and only the swapped picture is portrait or landscape as its
  camera is. A square picture is taken as stored.
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
"""What counts as the suffix of an image name (in any case), so that "frame.0001" keeps its number."""

_ORIENTATION = 0x0112
_AXES_SWAPPED = (5, 6, 7, 8)


def stem_of(name: str) -> str:
    """A view's name without its image suffix: "left/a.b.jpg" -> "left/a.b", "frame.0001" -> "frame.0001"."""
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in IMAGE_SUFFIXES else name


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) as stored. Raises CaptureError if the file is not an image."""
    with _opened(path) as image:
        return image.size


def size_for(path: Path, camera: Camera) -> tuple[int, int]:
    """(width, height) of the image in the orientation of its camera, from the file's header alone.

    Raises CaptureError if the file is not an image or its shape is not that of the camera.
    """
    with _opened(path) as image:
        width, height = image.size
        if _must_swap(image, camera.width, camera.height):
            width, height = height, width
    if not camera.fits(width, height):
        raise CaptureError(
            f"{path} is {width}x{height}, but its camera is {camera.width}x{camera.height}, of another shape; use the "
            "images from which the cameras were made."
        )
    return width, height


def read_image(path: Path, width: int, height: int, background: tuple[int, int, int] | None = None) -> np.ndarray:
    """(H, W, 3) uint8 of the size asked for; `size_for` has said that the shape agrees.

    Raises CaptureError if the file is missing, damaged, or of floating point.
    """
    with _opened(path) as stored:
        upright = ImageOps.exif_transpose(stored) if _must_swap(stored, width, height) else stored
        image = _rgb(upright, background)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BOX)
        return np.array(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield image
    except FileNotFoundError as error:
        raise CaptureError(f"The image {path} does not exist.") from error
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise CaptureError(f"The image {path} cannot be read ({error}); it is damaged or not an image.") from error


def _must_swap(image: Image.Image, width: int, height: int) -> bool:
    """Whether the EXIF tag swaps the axes and the camera (width x height) is the other way round than the pixels."""
    if (image.width - image.height) * (width - height) >= 0:
        return False
    return image.getexif().get(_ORIENTATION) in _AXES_SWAPPED


def _rgb(image: Image.Image, background: tuple[int, int, int] | None) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels; convert it to 8 or 16 bits")
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if background is not None and image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image).convert("RGB")
    if image.mode == "P" and image.has_transparency_data:
        image = image.convert("RGBA")
    return image.convert("RGB")
