"""Rows of COLMAP's cameras and images files, the same in binary and in text.

Source: the file format page of COLMAP's documentation ("Output Format"); camera models are those of COLMAP 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from splatseg.cameras.lens_models import MODELS
from splatseg.errors import CaptureError
from splatseg.untrusted.paths import shortened

CAMERA_MODELS = tuple((name, len(params.split())) for name, (_, params) in MODELS.items())
"""Name and number of parameters of each model; the index in the list is the model's id in binary files."""


@dataclass(frozen=True)
class CameraRow:
    """One row of the cameras file. An unknown model matters only if an image uses it."""

    model: str
    """Name of the model, as in `CAMERA_MODELS`."""

    width: int
    """Width in pixels."""

    height: int
    """Height in pixels."""

    params: tuple[float, ...]
    """Intrinsics in the order of the model, pixels; the centre of the first pixel is (0.5, 0.5)."""


@dataclass(frozen=True)
class ImageRow:
    """One row of the images file: a posed image."""

    name: str
    """Path inside the image folder, with forward slashes."""

    camera_id: int
    """Id of a row of the cameras file."""

    qvec: tuple[float, ...]
    """Rotation from world to camera, (4,) wxyz, of any length."""

    tvec: tuple[float, ...]
    """Translation from world to camera, (3,)."""


def relative_name(name: str, path: Path) -> str:
    """Return an image name with forward slashes. Raises CaptureError if it leads out of the image folder."""
    name = name.replace("\\", "/").removeprefix("./")
    if not name or name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
        raise CaptureError(
            f"{path}: the image name '{shortened(name)}' does not lie inside the image folder; give it relative to "
            "that folder"
        )
    return name
