"""Worlds that programs move splats into: the maps back to the capture's, from files beside a splat or by convention.

    dataparser_transforms.json    nerfstudio: x_export = scale * (transform [x, 1])
    axes                          y up, z up, half turns: SuperSplat, Blender, three.js
    nerfstudio's defaults         mean up direction of the cameras to +z, mean position to 0, largest coordinate to 1

Whether one of them is right is for the photographs to say.

Alphabet: transform (3,4) a rotation and a translation; poses of V cameras, OpenGL's axes where nerfstudio is meant.

Source: nerfstudio's documentation ("Data conventions", "auto_orient_and_center_poses").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.checks.registration import axis_turns
from splatseg.errors import SplatFileError
from splatseg.splats.similarity import Similarity
from splatseg.untrusted.documents import read_json

FILE = "dataparser_transforms.json"
"""File that nerfstudio writes beside its configuration."""

COLMAP_TO_NERFSTUDIO = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Turn (3,3) that nerfstudio gives the world of a COLMAP model before anything else."""


def moved_by_file(splat: Path, capture: Capture) -> list[tuple[str, Similarity]]:
    """Return the maps back from the world that a file beside the splat describes, each with words for it.

    There are two if the capture states that nerfstudio's import had moved it already (`applied_transform`).

    Raises SplatFileError if the file is damaged.
    """
    path = splat.parent / FILE
    if not path.is_file():
        return []
    try:
        content = read_json(path).plain()
        back = Similarity.of_matrix(np.array(content["transform"], dtype=np.float64), float(content["scale"])).inverse()
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise SplatFileError(
            f"{path} does not hold a transform (3x4) and a scale ({error}); take it away, or copy it again from the "
            "folder of nerfstudio's run"
        ) from None
    applied = _applied(capture)
    ways = [(f"as {FILE} says", back)]
    if applied is None:
        return ways
    return [(f"as {FILE} and the capture's applied_transform say", applied.after(back)), *ways]


def _applied(capture: Capture) -> Similarity | None:
    """Return the map of the capture's own import, from its transforms.json; None if it states none."""
    try:
        content = read_json(capture.path / "transforms.json").plain()
        return Similarity.of_matrix(np.array(content["applied_transform"], dtype=np.float64))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def moved_by_convention(views: Sequence[View], there: Similarity) -> Iterator[tuple[str, Similarity]]:
    """Yield maps back from worlds that programs choose by themselves, each with words for it.

    there: the map from the user's own coordinates into the world of the views.
    """
    for turn in axis_turns()[1:]:
        yield "turned to the capture's axes", there.after(Similarity(turn, np.zeros(3)))
    poses = [view.camera for view in views]
    positions = np.array([camera.position for camera in poses])
    # The camera's up in the world: minus its y axis, which points down.
    ups = np.array([-camera.viewmat[1, :3] for camera in poses])
    for first in (np.eye(3), COLMAP_TO_NERFSTUDIO):
        up = (ups @ first.T).mean(axis=0)
        turn = _onto_z(up / max(float(np.linalg.norm(up)), 1e-12)) @ first
        placed = (positions - positions.mean(axis=0)) @ turn.T
        scale = 1.0 / max(float(np.abs(placed).max()), 1e-12)
        there = Similarity(turn, -scale * turn @ positions.mean(axis=0), scale)
        yield "moved and scaled back from nerfstudio's world", there.inverse()


def _onto_z(direction: np.ndarray) -> np.ndarray:
    """Return the smallest rotation (3,3) of a unit vector onto +z."""
    z = np.array([0.0, 0.0, 1.0])
    axis, cosine = np.cross(direction, z), float(direction @ z)
    if cosine < -1.0 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    K = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation: np.ndarray = np.eye(3) + K + K @ K / (1.0 + cosine)
    return rotation
