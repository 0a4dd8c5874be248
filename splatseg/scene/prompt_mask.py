"""A mask that a person painted, read from an image to be a prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from splatseg.cameras.lens_camera import AnyCamera
from splatseg.errors import PromptError, SplatsegError
from splatseg.untrusted.images import PIXEL, open_image
from splatseg.untrusted.memory import Guard


def read_prompt_mask(path: Path, camera: AnyCamera, view: str) -> np.ndarray:
    """Read a mask image (not black = inside) as (H,W) bool at the size of a camera's picture. view: its name.

    Raises PromptError for a file that is not there or no image, and for one that is black all over.
    """
    try:
        with open_image(path, Guard.of(path, PromptError), PIXEL) as image:
            # Transparency is not a shape: what counts is what is painted.
            painted = image.convert("RGB") if image.mode in ("RGBA", "LA") else image
            size = (camera.width, camera.height)
            fitting = painted if painted.size == size else painted.resize(size, Image.Resampling.NEAREST)
            values = np.asarray(fitting)
    except FileNotFoundError:
        raise PromptError(f"there is no mask at {path}; give --mask a PNG of the view {view}") from None
    except SplatsegError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise PromptError(f"the mask {path} cannot be read as an image ({error}); save it as PNG") from None
    inside: np.ndarray = (values != 0).reshape(*values.shape[:2], -1).any(axis=2)
    if not inside.any():
        raise PromptError(f"the mask {path} is black all over; paint the object in white")
    return inside
