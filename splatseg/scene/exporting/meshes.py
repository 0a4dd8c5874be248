"""Meshes of what is selected in a scene.

Alphabet: N Gaussians; members (N,) bool; positions (V,3) of cameras in the user's own coordinates.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from splatseg.errors import OutputError, PromptError
from splatseg.mesh.around import places_of
from splatseg.mesh.mesh import Mesh
from splatseg.mesh.write import NamedMesh, check_library, mesh_format, origin_of, write_meshes
from splatseg.scene.state import SceneState
from splatseg.segments.segment import Segment


def mesh_of(scene: SceneState, members: np.ndarray, faces: int | None) -> Mesh:
    """Return the closed mesh of members (N,) bool, in the user's own coordinates. faces: most faces.

    Raises PromptError and OutputError as `mesh.build.mesh_of_splats` does.
    """
    from splatseg.mesh.build import mesh_of_splats  # noqa: PLC0415 (it loads skimage; most scenes need none)

    views = scene.views if scene.run is None else scene.run.capture.split("train") if scene.views else ()
    seen_from = places_of([view.camera for view in views], scene.splats.coordinates)
    return mesh_of_splats(scene.splats.subset(torch.from_numpy(members)), seen_from, faces)


def write_mesh_of(
    scene: SceneState, members: np.ndarray, path: Path, segment: Segment | None, faces: int | None, hull: bool
) -> Path:
    """Write the mesh of members (N,) bool, or its convex hull, under the name of a segment; return the path.

    Raises as `mesh_of` does, and OutputError as `mesh.write.write_meshes` and for a file of the scene itself.
    """
    mesh_format(path)
    check_library(path)
    if scene.owns(path):
        raise OutputError(f"{path} is part of what is exported and would be lost; name another file")
    mesh = mesh_of(scene, members, faces)
    named = NamedMesh.of(mesh.hull() if hull else mesh, segment, path)
    write_meshes(path, [named], origin=origin_of(scene.splats.coordinates))
    return path


class Meshed:
    """A selection as a mesh.

    Attributes:
        scene: The scene it belongs to.
        members: (N,) bool, the Gaussians that are selected.
    """

    scene: SceneState
    members: np.ndarray

    @property
    def segment(self) -> Segment | None:
        """The segment that the selection is, or None."""
        raise NotImplementedError

    def mesh(self, faces: int | None = None) -> Mesh:
        """Return the selection as a closed triangle mesh, in the user's own coordinates. faces: most faces.

        Raises PromptError if it has no surface.

        Example:
            >>> scene.click("012.jpg", (47, 75)).mesh().is_watertight
            True
        """
        _nonempty(self.members)
        return mesh_of(self.scene, self.members, faces)

    def export_mesh(self, path: str | Path, *, faces: int | None = None, hull: bool = False) -> Path:
        """Write the selection as a mesh: .glb, .obj, .stl or .ply. hull: its convex hull, a shape for collisions.

        Raises as `mesh` does; OutputError for another suffix, and without the extra `mesh`.
        """
        _nonempty(self.members)
        return write_mesh_of(self.scene, self.members, Path(path), self.segment, faces, hull)


def _nonempty(members: np.ndarray) -> None:
    if not members.any():
        raise PromptError("nothing is selected; select something first")
