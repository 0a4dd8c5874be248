"""cameras.json of a run: the cameras that it was made with, so that it is of use without its capture.

    {"capture": "../room", "centre": [0, 0, 0], "scale": 1,
                           "views": [{"name": "000.jpg", "held_out": true, "width": 640, "height": 480,
                                      "viewmat": 4 x 4, "K": 3 x 3}, ...]}

viewmat maps world to camera (OpenCV axes), K is in pixels; centre and scale are those of the user's own coordinates of
that world (`cameras.coordinates`; older files lack them). A view of a photograph taken through a lens has also the
"lens" (`cameras.lens_document`), the "pose" of the photograph's camera, and "face", its number among the lens's faces.

`capture` is the place of the capture as seen from the run: both are found again when they were moved together. A
capture that is found is compared with these cameras, so one that was made anew at the same place is not taken for the
one that the run is of.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.cameras.lens_camera import LensCamera
from splatseg.cameras.lens_document import lens_of_document
from splatseg.capture.capture import Capture
from splatseg.capture.colmap import MAX_SIDE
from splatseg.capture.view import View
from splatseg.errors import RunError
from splatseg.files import write_json
from splatseg.untrusted.documents import DocumentError, Field, read_json

CAMERAS = "cameras.json"
"""File of the cameras."""

SAME = 1e-6
"""Largest relative difference of equal cameras: formats round the last digits."""


def keep_cameras(run: Path, capture: Capture) -> None:
    """Write the cameras of a capture into a run folder."""
    views = [
        {
            "name": view.name,
            "held_out": view.name in capture.test_names,
            "width": view.camera.width,
            "height": view.camera.height,
            "viewmat": view.camera.viewmat.tolist(),
            "K": view.camera.K.tolist(),
            **_lens_facts(view),
        }
        for view in capture.views
    ]
    try:
        place = os.path.relpath(capture.path.resolve(), run.resolve())
    except ValueError:  # on another drive
        place = str(capture.path)
    write_json(run / CAMERAS, {"capture": place, **asdict(capture.coordinates), "views": views})


def kept_capture(run: Path, path: Path, lost: str) -> Capture | None:
    """Return the capture of a run as cameras without photographs; None if the run has kept none.

    path: the folder where the capture was; lost: what a view says when its photograph is asked for.

    Raises RunError if the file is damaged.
    """
    if not (run / CAMERAS).exists():
        return None
    try:
        views, test = [], set()
        content = read_json(run / CAMERAS)
        coordinates = _coordinates_of(content)
        for row in content["views"].items("view"):
            name = row["name"].text()
            width, height = (row[side].whole(1, MAX_SIDE) for side in ("width", "height"))
            camera = Camera(_matrix(row["viewmat"], 4), _matrix(row["K"], 3), width, height)
            lens_camera, face = _lens_of(row)
            views.append(View(name, camera, lost=lost, lens_camera=lens_camera, face=face))
            if row["held_out"].flag():
                test.add(name)
        if not views:
            raise DocumentError("it lists no views")
    except (OSError, DocumentError) as error:
        raise RunError(
            f"{run / CAMERAS} cannot be read ({error}); restore it, or put the capture back at {path}"
        ) from None
    points = (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8))
    return Capture(path, tuple(views), *points, frozenset(test), coordinates=coordinates)


def moved_with(run: Path) -> Path | None:
    """Return the folder of the capture if it was moved together with the run, or None."""
    try:
        place = run.resolve() / read_json(run / CAMERAS)["capture"].text()
        return place.resolve() if place.exists() else None
    except (OSError, ValueError, RuntimeError):  # also a name that no folder can have, or a link to itself
        return None


def differing(kept: Capture, capture: Capture) -> int:
    """Return how many views of the kept cameras a capture lacks or has with another camera."""
    cameras = {view.name: view.camera for view in capture.views}
    return sum(view.name not in cameras or not _same(view.camera, cameras[view.name]) for view in kept.views)


def _coordinates_of(content: Field) -> Coordinates:
    """Return the coordinates of the cameras. Raises DocumentError if they are impossible."""
    centre, scale = content.get("centre"), content.get("scale")
    if centre is None or scale is None:
        return OWN
    x, y, z = centre.numbers(3)
    return Coordinates((x, y, z), scale.number(1e-30, 1e30))


def _lens_facts(view: View) -> dict[str, Any]:
    camera = view.lens_camera
    return {} if camera is None else {"lens": asdict(camera.lens), "pose": camera.viewmat.tolist(), "face": view.face}


def _lens_of(row: Field) -> tuple[LensCamera | None, int]:
    """Return the camera of the photograph and the number of the face. Raises DocumentError if they are impossible."""
    lens = row.get("lens")
    if lens is None:
        return None, 0
    camera = LensCamera(_matrix(row["pose"], 4), lens_of_document(lens))
    return camera, row["face"].whole(0, len(camera.faces) - 1)


def _matrix(field: Field, size: int) -> np.ndarray:
    rows = field.items("row")
    if len(rows) != size:
        raise field.wrong(f"a matrix of {size} rows")
    return np.array([row.numbers(size) for row in rows])


def _same(one: Camera, other: Camera) -> bool:
    if (one.width, one.height) != (other.width, other.height):
        return False
    pairs = ((one.viewmat, other.viewmat), (one.K, other.K))
    return all(np.abs(a - b).max() <= SAME * max(1.0, float(np.abs(a).max())) for a, b in pairs)
