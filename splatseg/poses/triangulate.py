"""Points of a capture that has poses and no points: features of its photographs are matched and triangulated.

    FOLDER/images/   the photographs as the fit sees them     FOLDER/database.db   features and matches
    FOLDER/masks/    black where pixels are ignored           FOLDER/log.txt       what COLMAP said

Features and matches stay in the database, so work that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from splatseg.capture.colmap_binary import read_points
from splatseg.capture.view import View
from splatseg.files import atomic_write
from splatseg.machine.threads import in_order
from splatseg.parts import make_folder, part_folder
from splatseg.poses.child import OnProgress, run_child
from splatseg.poses.pairs import usual_matching
from splatseg.poses.reconstruct import DATABASE, LOG


def triangulate(views: Sequence[View], folder: Path, on_progress: OnProgress) -> tuple[np.ndarray, np.ndarray]:
    """Return points (P,3) float64, in the world of the views, and their colours (P,3) uint8; P may be 0.

    folder: a place for the work, which goes on where it was stopped.

    Raises CaptureError for a photograph that cannot be read, and if the child fails.
    """
    images, masks = folder / "images", folder / "masks"
    for place in (folder, images, masks):
        make_folder(place)
    names = [f"{number:06d}.png" for number in range(len(views))]

    def write(named: tuple[View, str]) -> None:
        view, name = named
        if (images / name).exists():
            return
        # Before its photograph, and for every one: COLMAP passes over one without a mask if there is a folder of them.
        ignored = view.ignored()
        hidden = np.zeros((view.camera.height, view.camera.width), bool) if ignored is None else ignored
        _write(masks / f"{name}.png", np.where(hidden, 0, 255).astype(np.uint8))
        _write(images / name, view.image())

    on_progress("photographs", 0, len(views))
    for done, _ in enumerate(in_order(write, zip(views, names, strict=True)), start=1):
        on_progress("photographs", done, len(views))
    with part_folder(folder / "models") as models:
        task = {
            "what": "points",
            "images": str(images),
            "masks": str(masks),
            "names": names,
            "cameras": [_camera(view) for view in views],
            "database": str(folder / DATABASE),
            "models": str(models),
            "matching": usual_matching(len(views)),
        }
        run_child(task, folder / LOG, on_progress)
        return read_points(models / "points3D.bin")


def _camera(view: View) -> tuple[list[float], list[float]]:
    """Return size and intrinsics, and the pose by rows."""
    camera = view.camera
    K: Any = camera.K
    size = [camera.width, camera.height, K[0, 0], K[1, 1], K[0, 2], K[1, 2]]
    return [float(value) for value in size], camera.viewmat[:3].ravel().tolist()


def _write(path: Path, picture: np.ndarray) -> None:
    with atomic_write(path) as file:
        Image.fromarray(picture).save(file, format="PNG", compress_level=1)
