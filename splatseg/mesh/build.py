"""From the Gaussians of an object to its mesh.

    in its own world -> pictures from all around -> field -> marching cubes -> tidied -> simplified -> colours

The mesh is closed: what no view sees, such as the underside of a thing on a table, is closed by the silhouettes.
"""

from __future__ import annotations

import numpy as np

from splatseg.errors import PromptError
from splatseg.mesh.around import in_own_world
from splatseg.mesh.colors import vertex_colors
from splatseg.mesh.frames import frames_around
from splatseg.mesh.fuse import Grid, surface_of
from splatseg.mesh.mesh import Mesh
from splatseg.mesh.simplify import simplified
from splatseg.mesh.surface import tidied
from splatseg.splats.splats import Splats

RESOLUTION = 112
"""Voxels along the longest side of an object's box: an edge is about a pixel of the pictures (`mesh.frames.SIZE`)."""

FEWEST = 8
"""Gaussians that an object has at least."""


def mesh_of_splats(splats: Splats, seen_from: np.ndarray | None = None, faces: int | None = None) -> Mesh:
    """Return the closed mesh of an object that is a splat of its own, in the user's own coordinates.

    seen_from: positions (V,3) of the capture's cameras, own coordinates: from other directions only the object's
    outline is believed; None believes all. faces: most faces; None keeps all.

    Raises PromptError if the Gaussians have no surface, OutputError as `mesh.simplify.simplified` does.
    """
    if len(splats) < FEWEST:
        raise PromptError(f"{len(splats)} Gaussians are too few for a surface; select at least {FEWEST}")
    splats = splats.plain()
    object_, low, high = in_own_world(splats)
    world = object_.coordinates
    frames = frames_around(object_, None if seen_from is None else world.inwards(seen_from))
    vertices, triangles = surface_of(frames, Grid.around(low, high, RESOLUTION))
    if len(triangles):
        vertices, triangles = tidied(vertices, triangles)
    if not len(triangles):
        raise PromptError(f"{len(splats):,} Gaussians have no surface that views agree on; select more of the object")
    if faces is not None:
        vertices, triangles = simplified(vertices, triangles, faces)
    return Mesh(world.outwards(vertices), triangles, vertex_colors(vertices, triangles, frames))
