"""Ignore masks: pixels of a photograph that do not show the scene (a passer-by, the rig, the sky).

Black is ignored, as the tools that write these masks have it:

* nerfstudio: a frame's `mask_path` in transforms.json;
* COLMAP: `masks/<image name>.png` in the capture ("left/000.jpg" -> masks/left/000.jpg.png);
* brush: `<image stem>.mask.png` in the folder of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from splatseg.cameras.lens_camera import AnyCamera
from splatseg.capture.images import stem_of
from splatseg.capture.names import file_at
from splatseg.errors import CaptureError, SplatsegError
from splatseg.resampling import nearest_pixels
from splatseg.untrusted.images import PIXEL, open_image
from splatseg.untrusted.memory import Guard


def find_ignore_mask(capture: Path, name: str, image_path: Path) -> Path | None:
    """Return the ignore mask of a view under the name that COLMAP or brush gives it, or None."""
    beside = file_at(image_path.with_name(stem_of(image_path.name) + ".mask.png"))
    # For an image without a suffix, COLMAP's name is also that of an ordinary mask of the view.
    return (file_at(capture / "masks" / f"{name}.png") if stem_of(name) != name else None) or beside


def read_ignored(path: Path, camera: AnyCamera, turned: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Read an ignore mask: (H,W) bool, true = ignored, at the camera's size, by the mask's pixel under each centre.

    turned: turns a map (H,W) as the camera sees its photograph (`View.turned`).

    Raises CaptureError if it cannot be read or is of another shape than the image.
    """
    try:
        with open_image(path, Guard.of(path, CaptureError), PIXEL) as image:
            flat = image if image.mode in ("1", "L", "I", "I;16", "P") else image.convert("RGB")
            kept = np.asarray(flat) != 0
    except SplatsegError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise CaptureError(f"the ignore mask {path} cannot be read ({error}); remove it or make it again") from error
    kept = turned(kept.any(axis=2) if kept.ndim == 3 else kept)
    height, width = kept.shape
    if not camera.fits(width, height):
        raise CaptureError(
            f"the ignore mask {path} is {width}x{height}, but its image is {camera.width}x{camera.height}, of another "
            "shape; make it from the same image or remove it"
        )
    return ~nearest_pixels(kept, camera.height, camera.width)
