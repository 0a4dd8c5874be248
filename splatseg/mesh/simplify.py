"""Simplification of a closed surface to a number of faces, and its mending, so that it stays closed.

fast-simplification (quadric error metrics, Garland and Heckbert 1997) collapses edges without regard to topology. A
collapse maps a closed surface to faces whose directed edges still cancel: each (u, v) is there as often as (v, u). So
what is torn can be mended exactly: two faces back to back go, the half-edges of an edge with more than two faces are
paired off, a vertex whose corners are no longer joined by pairs becomes several, a hair apart, and where both ends of a
doubled edge are still one vertex, one of its pairs gets a vertex in the middle.

Alphabet: P vertices (P,3), F faces (F,3); half-edge 3 f + k runs from corner k of face f to corner k + 1.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from splatseg.errors import OutputError
from splatseg.mesh.mesh import INSTALL, closes
from splatseg.mesh.surface import compact

FEWEST = 4
"""Faces of the smallest closed surface."""

ROOM = (0, 16, 64, 256)
"""Faces fewer than asked that a collapse leaves for the mending, in turn until that has enough."""

PASSES = 8
"""Most rounds of mending: a split edge may leave another one doubled."""

APART = 1e-3
"""Way of a new vertex towards the middle of its own faces, so that programs that merge equal positions keep it."""


def simplified(vertices: np.ndarray, faces: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a closed surface with at most `most` faces, closed again; vertices (P,3) float64, faces (F,3) int32.

    Raises OutputError if the extra is missing, for fewer than four faces, and if so few cannot hold the shape.
    """
    if most < FEWEST:
        raise OutputError(f"--faces {most} is no closed surface; give {FEWEST} or more")
    if len(faces) <= most:
        return vertices, faces
    try:
        import fast_simplification  # noqa: PLC0415 (an extra)
    except ImportError:
        raise OutputError(f"simplifying a mesh needs fast-simplification; install it with {INSTALL}") from None
    for room in ROOM:
        if most - room >= FEWEST:
            fewer = fast_simplification.simplify(vertices, faces, target_count=most - room)
            points, triangles = mended(np.asarray(fewer[0], np.float64), np.asarray(fewer[1], np.int32))
            if FEWEST <= len(triangles) <= most and closes(triangles):
                return points, triangles
    raise OutputError(f"{most} faces cannot hold the shape of the object; give more with --faces")


def mended(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return faces (F,3), whose directed edges cancel, as a surface in which two faces meet at each edge."""
    for _ in range(PASSES):
        faces = _without_flaps(faces)
        if not len(faces) or closes(faces):
            break
        vertices, faces, twin = _paired(vertices, faces)
        if closes(faces):
            break
        vertices, faces = _with_midpoints(vertices, faces, twin)
    return compact(vertices, faces)


def _paired(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair off half-edges and split vertices between them; return vertices, faces and the twin (3F,) of each."""
    start, end = faces.ravel().astype(np.int64), faces[:, (1, 2, 0)].ravel().astype(np.int64)
    forward, backward = (np.argsort(key, kind="stable") for key in (start << 32 | end, end << 32 | start))
    # In both orders the n-th entries are a half-edge and one that runs back along it.
    twin = np.empty(len(start), dtype=np.int64)
    twin[forward] = backward
    following = np.arange(len(start)).reshape(-1, 3)[:, (1, 2, 0)].ravel()
    # A half-edge starts at the corner at which its twin ends.
    joined = sparse.coo_matrix((np.ones(len(start)), (np.arange(len(start)), following[twin])), shape=(len(start),) * 2)
    count, fan = connected_components(joined, directed=False)
    old = np.zeros(count, dtype=np.int64)
    old[fan] = start
    points, middles = vertices[old], vertices[faces].mean(1).repeat(3, 0)
    sums = np.stack([np.bincount(fan, middles[:, axis], count) for axis in range(3)], 1)
    split = np.bincount(old, minlength=len(vertices))[old] > 1
    points = np.where(split[:, None], points + APART * (sums / np.bincount(fan)[:, None] - points), points)
    return points, fan.reshape(-1, 3).astype(np.int32), twin


def _with_midpoints(vertices: np.ndarray, faces: np.ndarray, twin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split the second pair of each doubled edge in its middle; faces that are split already wait for another pass."""
    start, end = faces.ravel().astype(np.int64), faces[:, (1, 2, 0)].ravel().astype(np.int64)
    key = start << 32 | end
    order = np.argsort(key, kind="stable")
    doubled = order[1:][key[order][1:] == key[order][:-1]]
    changed: set[int] = set()
    points: list[np.ndarray] = []
    triangles: list[tuple[int, int, int]] = []
    for half in doubled.tolist():
        sides = [(one // 3, one % 3) for one in (half, int(twin[half]))]
        if changed & {face for face, _ in sides} or sides[0][0] == sides[1][0]:
            continue
        changed |= {face for face, _ in sides}
        new = len(vertices) + len(points)
        middle = vertices[faces[sides[0][0]]].mean(0) / 2 + vertices[faces[sides[1][0]]].mean(0) / 2
        edge = (vertices[start[half]] + vertices[end[half]]) / 2
        points.append(edge + APART * (middle - edge))
        for face, corner in sides:
            u, v, w = np.roll(faces[face], -corner).tolist()
            triangles += [(u, new, w), (new, v, w)]
    left = np.setdiff1d(np.arange(len(faces)), np.fromiter(changed, int, len(changed)))
    added = np.array(triangles, np.int32).reshape(-1, 3)
    return np.concatenate([vertices, np.array(points).reshape(-1, 3)]), np.concatenate([faces[left], added])


def _without_flaps(faces: np.ndarray) -> np.ndarray:
    """Return faces (F,3) without those of fewer than three corners, and without pairs back to back."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    # Turned so that the smallest corner is first, a face and its back differ in the order of the other two.
    first = faces.argmin(1)
    turned = np.take_along_axis(faces, (first[:, None] + np.arange(3)) % 3, axis=1)
    side = np.where(turned[:, 1] < turned[:, 2], 1, -1)
    _, kind = np.unique(np.sort(turned, axis=1), axis=0, return_inverse=True)
    kind = kind.ravel()
    balance = np.bincount(kind, side, kind.max(initial=-1) + 1).astype(int)
    # Of each kind as many faces stay as one side has more than the other.
    order = np.lexsort((-side * np.sign(balance)[kind], kind))
    rank = np.arange(len(faces)) - np.searchsorted(kind[order], kind[order])
    kept = order[rank < np.abs(balance)[kind[order]]]
    remaining: np.ndarray = faces[np.sort(kept)]
    return remaining
