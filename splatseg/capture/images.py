"""Image files: their size as a camera sees them, and their pixels as (H, W, 3) uint8.

Rules:
* Orientation. Poses belong to the pixels as the reconstruction read them: COLMAP (tried with 4.2), nerfstudio and
  instant-ngp ignore the EXIF tag. So pixels are taken as stored, unless the tag swaps the axes and only the swapped
  picture is portrait (or landscape) like its camera, as where photographs were turned for the reconstruction. Pictures
  that are square, upside down or mirrored (tags 2 to 4) are taken as stored. HEIC has no pixels but upright ones.
* Transparency. With a background colour (Blender captures: white) pixels are composited over it; else alpha is ignored.
* Depth. 16-bit greys are scaled to 8 bits; grey, palette and CMYK become RGB. Floating images are refused.
* Size. Shrinking averages over the area of the new pixel (a box filter), as a sensor with larger pixels would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from splatseg.cameras.lens_camera import AnyCamera
from splatseg.errors import CaptureError, SplatsegError
from splatseg.untrusted.images import PIXEL, open_image
from splatseg.untrusted.memory import Guard

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".jp2", ".avif", ".heic", ".heif", ".jxl"),
    *(".exr", ".tga", ".ppm", ".pgm"),
)
"""Suffixes of image names, in any case; any other suffix is part of the name, so that "frame.0001" keeps its number."""

RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw")
"""Suffixes of raw photographs: TIFF files of which a decoder of pictures finds the thumbnail alone."""

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".3gp")
"""Suffixes of videos, in lower case."""

DEEP_PIXEL = 40
"""Bytes that a pixel of 16-bit greys takes at the peak of reading: their numbers are scaled."""

_ORIENTATION = 0x0112
"""EXIF tag of the orientation."""

_AXES_SWAPPED = (5, 6, 7, 8)
"""Values of that tag that exchange rows and columns."""

_TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""Turn of an upright picture, by that tag, to the pixels as stored."""


def stem_of(name: str) -> str:
    """Return a view's name without its image suffix: "left/a.b.jpg" -> "left/a.b", "frame.0001" -> "frame.0001"."""
    dot = name.rfind(".")
    # A dot in a folder's name, or at the beginning of a name, begins no suffix.
    if dot < 1 or name[dot - 1] == "/" or name[dot:].lower() not in (*IMAGE_SUFFIXES, *RAW_SUFFIXES):
        return name
    return name[:dot]


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) as stored. Raises CaptureError if the file is not an image."""
    with opened_image(path) as image:
        return _stored_size(image)


def size_for(path: Path, camera: AnyCamera) -> tuple[int, int]:
    """Return (width, height) of the image in the orientation of its camera, from the file's header alone.

    Raises CaptureError if the file is not an image or its shape is not that of the camera.
    """
    with opened_image(path) as image:
        width, height = _stored_size(image)
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
    with opened_image(path) as file:
        upright = _must_swap(file, width, height)
        image = _rgb(ImageOps.exif_transpose(file) if upright else _stored(file), background)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BOX)
        return np.array(image)


def read_upright(path: Path) -> tuple[np.ndarray, bytes]:
    """Read an image as a person sees it, turned by its EXIF tag: (H,W,3) uint8, and its EXIF block without that tag.

    Raises CaptureError as `read_image` does.
    """
    with opened_image(path) as stored:
        upright = ImageOps.exif_transpose(stored)
        exif = upright.getexif()
        return np.array(_rgb(upright, None)), exif.tobytes()


_WAYS_OUT = {
    **dict.fromkeys(RAW_SUFFIXES, "export the raw photographs as JPEG or TIFF, under the same names"),
    **dict.fromkeys((".exr", ".hdr"), "save floating-point pictures as PNG of 8 or 16 bits, under the same names"),
    **dict.fromkeys((".jxl", ".avif"), "save it as JPEG or PNG, under the same name"),
}
"""Ways out for images of formats that are not read, by suffix."""

_NO_IMAGES = {
    b"version https://git-lfs": "it is the pointer of a file in Git LFS: run `git lfs pull` in its folder",
    **dict.fromkeys((b"<!doctype", b"<html", b"<?xml"), "it is text, as of a failed download: get the image again"),
}
"""Ways out for files that are no images, by their first bytes in lower case."""


def _way_out(path: Path) -> str:
    """Return what to do about an image that cannot be read, in a few words."""
    kind = path.suffix.lower()
    if kind in (".heic", ".heif") and not any(map(find_spec, ("pillow_heif", "pi_heif"))):
        return "HEIC needs pillow-heif (pip install pillow-heif), or save it as JPEG"
    if kind in _WAYS_OUT:
        return _WAYS_OUT[kind]
    head = b""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(64).lstrip().lower()
    told = [way for start, way in _NO_IMAGES.items() if head.startswith(start)]
    return told[0] if told else f"it is {'damaged or no image' if head else 'empty'}: copy or export it again"


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """Yield the opened image. Any error while it is read becomes a CaptureError that names the file."""
    try:
        guard = Guard.of(path, CaptureError)
        if path.suffix.lower() in RAW_SUFFIXES:
            raise ValueError("raw photographs are not developed here")
        with open_image(path, guard, PIXEL) as image:
            if image.mode.startswith("I"):
                guard.check(f"{image.width}x{image.height} pixels", DEEP_PIXEL * image.width * image.height)
            yield image
    except SplatsegError:
        raise
    except FileNotFoundError as error:
        raise CaptureError(f"the image {path} does not exist; put it there") from error
    except Exception as error:  # decoders raise nearly any type of error on damaged files
        # Pillow's own sentence says no more than that, and names the file again.
        reason = "of no format that is read here" if isinstance(error, UnidentifiedImageError) else error
        raise CaptureError(f"the image {path} cannot be read ({reason}); {_way_out(path)}") from error


def other_orientation(path: Path, camera: AnyCamera, pixels: np.ndarray) -> np.ndarray:
    """Return pixels (H,W) of a photograph turned as its camera sees them, if they are turned and an EXIF tag says how.

    Programs that make masks of photographs turn them by the tag (OpenCV), or do not (Pillow), whatever the poses were
    made from. Other pixels are returned as they are. Raises CaptureError if the photograph cannot be read.
    """
    height, width = pixels.shape
    if camera.fits(width, height) or not camera.fits(height, width):
        return pixels
    with opened_image(path) as image:
        orientation, upright = _orientation(image), _must_swap(image, camera.width, camera.height)
    if orientation == 5:
        return pixels.T
    if orientation == 7:
        return pixels[::-1, ::-1].T
    # 6 is turned by a quarter clockwise to stand upright, 8 the other way round.
    quarter = {6: -1, 8: 1}.get(orientation, 0) * (1 if upright else -1)
    return np.rot90(pixels, quarter)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF tag of an image that is not decoded yet; 1 without one."""
    return int(image.getexif().get(_ORIENTATION) or 1)


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Return (width, height) as stored of an image that is not decoded yet; of a TIFF, Pillow has the upright one."""
    width, height = image.size
    return (height, width) if image.format == "TIFF" and _orientation(image) in _AXES_SWAPPED else (width, height)


def _stored(image: Image.Image) -> Image.Image:
    """Return an image with its pixels as stored: Pillow turns those of a TIFF by its tag as it decodes them."""
    back = _TURNED_BACK.get(_orientation(image)) if image.format == "TIFF" else None
    if back is None:
        return image
    image.load()
    return image.transpose(back)


def _must_swap(image: Image.Image, width: int, height: int) -> bool:
    """Return True if the EXIF tag swaps the axes and one of pixels and camera is portrait, the other landscape."""
    stored_width, stored_height = _stored_size(image)
    return (stored_width - stored_height) * (width - height) < 0 and _orientation(image) in _AXES_SWAPPED


def _rgb(image: Image.Image, background: tuple[int, int, int] | None) -> Image.Image:
    """Return an image of any mode as 8-bit RGB (see the module). Raises ValueError for floating-point pixels."""
    if image.mode == "F":
        raise ValueError("floating-point pixels, which need 8 or 16 bits")
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
