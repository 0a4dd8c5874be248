"""Meshes as files, by trimesh (extra `mesh`): .glb, .obj, .stl, .ply.

    .glb  a node for each segment under its name, with segmentId, name and color as extras; smooth normals; a material
          that is neither metal nor gloss; COLOR_0 linear, as glTF has it
    .obj  an object ("o") for each segment, colours after the positions
    .ply  all as one, colours as bytes;  .stl  all as one, without colours

Coordinates are the user's own; a .glb is turned by half a turn around z, as splats are (`formats.gltf`): y up, z
forward. The numbers of .glb, .ply and .stl are float32: positions of a capture far from the origin
(`cameras.coordinates`) are relative to its centre there, which a .glb has as the translation of its nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cameras.coordinates import Coordinates
from splatseg.errors import OutputError, unwritten
from splatseg.files import atomic_write
from splatseg.mesh.mesh import INSTALL, Mesh
from splatseg.plain_text import file_stem, size_of_file
from splatseg.segments.palette import Color
from splatseg.segments.segment import Segment

MESH_FORMATS = ("glb", "obj", "stl", "ply")
"""Formats of meshes, which are also the suffixes of their files."""

TURN = np.array([-1.0, -1.0, 1.0])
"""Signs of coordinates in glTF."""


@dataclass(frozen=True, eq=False)
class NamedMesh:
    """A mesh and the segment that it shows."""

    name: str
    """Name of the segment, or of the selection."""

    mesh: Mesh
    """Its surface."""

    segment_id: int | None = None
    """Segment id, None for a selection that is no segment."""

    color: Color | None = None
    """Colour of the segment in the table."""

    @classmethod
    def of(cls, mesh: Mesh, segment: Segment | None, path: Path) -> NamedMesh:
        """Name a mesh by its segment; without one, by the file that it goes into."""
        return cls(path.stem, mesh) if segment is None else cls(segment.name, mesh, segment.id, segment.color)


def mesh_format(path: Path, name: str | None = None) -> str:
    """Return the format of a mesh by `name`, else by the file's suffix. Raises OutputError if there is none."""
    found = (name or Path(path).suffix).lower().removeprefix(".")
    if found not in MESH_FORMATS:
        asked = f"{path} has no suffix of a mesh" if name is None else f"there is no format {name!r} of meshes"
        raise OutputError(f"{asked}; there are {', '.join('.' + one for one in MESH_FORMATS)}")
    return found


def check_library(path: Path) -> None:
    """Raise OutputError if the extra is missing."""
    try:
        import trimesh  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        raise OutputError(f"writing the mesh {path} needs trimesh; install it with {INSTALL}") from None


def origin_of(coordinates: Coordinates, factor: float = 1.0) -> tuple[float, float, float]:
    """Return the origin for `write_meshes`: 0 where float32 holds the user's own coordinates times a factor."""
    x, y, z = (0.0 if coordinates.is_own else factor * value for value in coordinates.centre)
    return x, y, z


def write_meshes(
    path: Path,
    meshes: Sequence[NamedMesh],
    name: str | None = None,
    origin: Sequence[float] = (0.0, 0.0, 0.0),
) -> str:
    """Write meshes into one file, atomically, in the format of its suffix or of `name`; return a line that says it.

    origin (3,): point of the user's own coordinates near the meshes; not 0 where float32 does not hold positions.

    Raises OutputError for another suffix, a missing extra, or a path that is not writable.
    """
    path = Path(path)
    kind = mesh_format(path, name)
    check_library(path)
    centre = np.asarray(origin, dtype=np.float64)
    if kind == "obj":
        centre = np.zeros(3)  # text holds every digit
    content = _glb(meshes, centre) if kind == "glb" else _other(meshes, centre, kind)
    try:
        with atomic_write(path) as file:
            file.write(content)
    except OSError as error:
        raise OutputError(unwritten(path, error)) from None
    faces = sum(len(one.mesh.faces) for one in meshes)
    what = f"a mesh of {faces:,} faces" if len(meshes) == 1 else f"{len(meshes)} meshes of {faces:,} faces"
    moved = "" if kind in ("glb", "obj") or not centre.any() else f"; its positions are relative to {_point(centre)}"
    lost = "; .stl holds neither colours nor names" if kind == "stl" else ""
    if kind == "ply" and len(meshes) > 1:
        lost = "; .ply holds no names"
    return f"wrote {what} to {path} ({size_of_file(len(content))}){moved}{lost}"


def _point(point: np.ndarray) -> str:
    return f"({', '.join(f'{value:.12g}' for value in point)})"


def _glb(meshes: Sequence[NamedMesh], centre: np.ndarray) -> bytes:
    import trimesh  # noqa: PLC0415 (an extra)

    scene, extras = trimesh.Scene(), {}
    place = np.eye(4)
    place[:3, 3] = centre * TURN
    for one, label in zip(meshes, _labels(meshes), strict=True):
        extras[label] = _extras(one)
        made = trimesh.Trimesh(
            (one.mesh.vertices - centre) * TURN,
            one.mesh.faces,
            vertex_colors=_linear(one.mesh.colors),
            process=False,
        )
        scene.add_geometry(made, node_name=label, geom_name=label, transform=place)

    def finish(tree: dict[str, Any]) -> None:
        """Give nodes what is known of them, and meshes the material that vertex colours alone do not bring."""
        tree["materials"] = [{"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.9}}]
        for made in tree["meshes"]:
            for primitive in made["primitives"]:
                primitive["material"] = 0
        for node in tree["nodes"]:
            if node.get("name") in extras:
                node["extras"] = extras[node["name"]]

    content: bytes = trimesh.exchange.gltf.export_glb(scene, include_normals=True, tree_postprocessor=finish)
    return content


def _labels(meshes: Sequence[NamedMesh]) -> list[str]:
    """Return the name of each mesh, with its segment id where others have the same."""
    names = [one.name for one in meshes]
    return [f"{one.name} ({one.segment_id})" if names.count(one.name) > 1 else one.name for one in meshes]


def _extras(one: NamedMesh) -> dict[str, Any]:
    known: dict[str, Any] = {"name": one.name}
    if one.segment_id is not None:
        known["segmentId"] = one.segment_id
    if one.color is not None:
        known["color"] = list(one.color)
    return known


def _other(meshes: Sequence[NamedMesh], centre: np.ndarray, kind: str) -> bytes:
    import trimesh  # noqa: PLC0415 (an extra)

    made, names = [], _labels(meshes)
    for one, label in zip(meshes, names, strict=True):
        colors = None if kind == "stl" else one.mesh.colors
        item = trimesh.Trimesh(one.mesh.vertices - centre, one.mesh.faces, vertex_colors=colors, process=False)
        item.metadata["name"] = file_stem(label)  # a name with an end of line would be a line of the file
        made.append(item)
    whole = made[0] if len(made) == 1 else trimesh.util.concatenate(made)
    if kind == "obj":
        content = trimesh.exchange.obj.export_obj(_scene_of(made), header="splatseg", include_normals=False)
        return bytes(content.encode())
    written = whole.export(file_obj=None, file_type=kind)
    return written if isinstance(written, bytes) else written.encode()


def _scene_of(made: Sequence[Any]) -> Any:
    """Return a scene of meshes, each under a name of its own, in their order."""
    import trimesh  # noqa: PLC0415 (an extra)

    scene = trimesh.Scene()
    for item in made:
        scene.add_geometry(item, geom_name=item.metadata["name"])
    return scene


def _linear(colors: np.ndarray) -> np.ndarray:
    """Return colours (P,3) uint8 in linear light, given them in sRGB."""
    levels = np.arange(256) / 255.0
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    table = np.rint(255.0 * light).astype(np.uint8)
    linear: np.ndarray = table[colors]
    return linear
