"""Tidying of a closed surface: loose pieces and bubbles go, the noise of single views is smoothed.

Smoothing is Taubin's (1995): steps p += a L p with a = 0.5 and -0.53 in turn, L p the mean of the neighbours less p.
A step of the one kind shrinks, the next grows again, so thin things stay.

Alphabet: P vertices (P,3), F faces (F,3).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

SMALLEST = 0.02
"""Least number of faces of a piece, as a share of the largest piece's: less is a floater."""

STEPS = (0.5, -0.53)
"""Taubin's two step lengths, of his paper."""

ROUNDS = 10
"""Pairs of steps: waves shorter than about four edges go, which is what single voxels make."""


def tidied(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a closed surface, vertices (P,3), faces (F,3), without loose pieces and bubbles, and smoother."""
    vertices, faces = _without_pieces(vertices, faces)
    edges = np.concatenate([faces[:, (0, 1)], faces[:, (1, 2)], faces[:, (2, 0)]])
    ones = np.ones(len(edges))
    # Each edge of a closed surface is in two faces, once in either direction.
    neighbours = sparse.csr_matrix((ones, edges.T), shape=(len(vertices), len(vertices)))
    counts = np.asarray(neighbours.sum(1))
    for _ in range(ROUNDS):
        for step in STEPS:
            vertices = vertices + step * (neighbours @ vertices / counts - vertices)
    return vertices, faces


def _without_pieces(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pieces that are large and face outwards: an inner surface is a bubble that nobody sees."""
    graph = sparse.coo_matrix((np.ones(len(faces)), (faces[:, 0], faces[:, 1])), shape=(len(vertices),) * 2)
    graph += sparse.coo_matrix((np.ones(len(faces)), (faces[:, 0], faces[:, 2])), shape=(len(vertices),) * 2)
    count, piece = connected_components(graph, directed=False)
    of_face = piece[faces[:, 0]]
    sizes = np.bincount(of_face, minlength=count)
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    volumes = np.bincount(of_face, (np.cross(a, b) * c).sum(1), minlength=count)
    kept = (sizes >= SMALLEST * sizes.max()) & (volumes > 0.0)
    return compact(vertices, faces[kept[of_face]])


def compact(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices that faces use, and the faces with their new numbers."""
    used, numbers = np.unique(faces, return_inverse=True)
    return vertices[used], numbers.reshape(faces.shape).astype(np.int32)
