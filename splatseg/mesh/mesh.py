"""A triangle mesh with colours, and the checks that say what it is.

Alphabet: P vertices (P,3) in the user's own coordinates, F faces (F,3) of vertex numbers, counter-clockwise
from outside.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from splatseg.errors import OutputError

INSTALL = 'pip install "splatseg[mesh]"'


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with a colour at each vertex."""

    vertices: np.ndarray
    """Positions (P,3) float64, in the user's own coordinates."""

    faces: np.ndarray
    """Vertex numbers (F,3) int32 of each triangle, counter-clockwise seen from outside."""

    colors: np.ndarray
    """Colours (P,3) uint8, sRGB."""

    @property
    def is_watertight(self) -> bool:
        """True if every edge belongs to exactly two faces, which run along it in opposite directions."""
        return len(self.faces) > 0 and closes(self.faces)

    @property
    def volume(self) -> float:
        """Volume enclosed by a watertight mesh, own units cubed; positive if faces are counter-clockwise outside."""
        a, b, c = (self.vertices[self.faces[:, i]] - self.vertices.mean(0) for i in range(3))
        return float((np.cross(a, b) * c).sum() / 6.0)

    def hull(self) -> Mesh:
        """Return the convex hull, a shape for collisions, in the mesh's colours. Raises OutputError if it is flat."""
        from scipy.spatial import ConvexHull, QhullError  # noqa: PLC0415 (most commands need none)

        try:
            found = ConvexHull(self.vertices)
        except (QhullError, ValueError):
            raise OutputError("the object is flat and has no convex hull; export it without --hull") from None
        corners = np.unique(found.simplices)
        faces = np.searchsorted(corners, found.simplices).astype(np.int32)
        vertices = self.vertices[corners]
        # Qhull gives the outward normal of each face, but no order of its corners.
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        inwards = (np.cross(b - a, c - a) * found.equations[:, :3]).sum(1) < 0
        faces[inwards] = faces[inwards][:, ::-1]
        return Mesh(vertices, faces, self.colors[corners])

    def scaled(self, factor: float) -> Mesh:
        """Return the mesh with all coordinates times a factor, such as metres a unit."""
        return self if factor == 1.0 else dataclasses.replace(self, vertices=self.vertices * factor)


def closes(faces: np.ndarray) -> bool:
    """Tell whether every edge of faces (F,3) belongs to two of them, which run along it in opposite directions."""
    edges = np.concatenate([faces[:, (0, 1)], faces[:, (1, 2)], faces[:, (2, 0)]]).astype(np.int64)
    forward = edges[:, 0] << 32 | edges[:, 1]
    backward = edges[:, 1] << 32 | edges[:, 0]
    forward.sort()
    backward.sort()
    return bool((forward[1:] != forward[:-1]).all() and np.array_equal(forward, backward))
