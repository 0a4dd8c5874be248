"""Lights the object under the pointer: its outline and its name, as a click would take it.

The label map of the picture at rest is rendered once for a camera and a state of the segments; a move of the pointer is
then a look into it. The outline of an object is traced when the pointer first comes over it, and kept.

Alphabet: N Gaussians; H x W pixels; places (x, y) from 0 to 1 of the picture.
"""

from __future__ import annotations

import numpy as np
import torch
from skimage.measure import approximate_polygon, find_contours

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import rasterize_labels
from splatseg.render.occurring import occurring
from splatseg.scene.summary import name_of_members
from splatseg.select.session import same_camera
from splatseg.viewer.workspace.workspace import Workspace

NOTHING = ("", "")
"""Outline and text of no object."""

SPECK = 8
"""Points of an outline below which a piece of it is not drawn."""

STRAIGHT = 0.7
"""Pixels by which a drawn outline may miss the traced one."""


class Hover:
    """The objects in the picture of one page."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._of: tuple[object, ...] = ()
        self._camera: Camera | None = None
        self._labels = np.zeros((1, 1), dtype=np.int32)
        self._lit: dict[int, tuple[str, str]] = {}

    def at(self, camera: Camera, place: tuple[float, float]) -> tuple[str, str]:
        """Return the outline, an SVG path in 0..1, and the text of the object at a place; NOTHING if there is none.

        While the camera moves there is none: the picture of `camera` has to be drawn already.
        """
        labels = self._label_map(camera)
        if labels is None:
            return NOTHING
        column, row = int(place[0] * camera.width), int(place[1] * camera.height)
        if not (0 <= column < camera.width and 0 <= row < camera.height):
            return NOTHING
        label = int(labels[row, column])
        if label == 0:
            return NOTHING
        if label not in self._lit:
            self._lit[label] = (outline(labels == label), self._text(label))
        return self._lit[label]

    def _pieces(self) -> np.ndarray | None:
        """Return the piece (N,) int32 that a click takes of each Gaussian, 0 = none; None if clicks take none."""
        workspace = self._workspace
        scene = workspace.scene
        if workspace.threshold is not None:
            return None
        if workspace.granularity is not None:
            return scene.knowledge(workspace.granularity).cut
        return None if scene.table is None else scene.table.now.ids

    def _label_map(self, camera: Camera) -> np.ndarray | None:
        workspace = self._workspace
        session, pieces = workspace.session, self._pieces()
        if pieces is None:
            return None
        of = (pieces, workspace.step.hidden)
        known = len(self._of) == len(of) and all(one is other for one, other in zip(self._of, of, strict=True))
        if not known or self._camera is None or not same_camera(self._camera, camera):
            if not session.has_plan(camera):
                return None
            ids, numbers = occurring(np.append(pieces, np.int32(0)))
            found = rasterize_labels(session.plan(camera), torch.from_numpy(numbers[:-1]), len(ids) - 1).numpy()
            self._of, self._camera, self._labels, self._lit = of, camera, ids.astype(np.int32)[found], {}
        return self._labels

    def _text(self, label: int) -> str:
        pieces, table = self._pieces(), self._workspace.scene.table
        assert pieces is not None, "there is a label map of the pieces"
        members = pieces == label
        name = name_of_members(members, None if table is None else table.now) or "part"
        return f"{name} · {int(members.sum()):,} Gaussians"


def outline(mask: np.ndarray) -> str:
    """Return the outline of mask (H,W) bool as an SVG path of points in 0..1, holes and pieces included."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if len(rows) == 0:
        return ""
    top, left = rows[0], columns[0]
    part = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1).astype(np.float32)
    pieces = [approximate_polygon(piece, STRAIGHT) for piece in find_contours(part, 0.5) if len(piece) >= SPECK]
    # Contours run through pixel centres, (0, 0) of the padded part being that of (top - 1, left - 1).
    scale, shift = np.array(mask.shape), np.array([top - 0.5, left - 0.5])
    return "".join(map(_path, ((piece + shift) / scale for piece in pieces)))


def _path(points: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.4f} {y:.4f}" for y, x in points) + "Z"
