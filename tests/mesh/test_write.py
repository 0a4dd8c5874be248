"""Meshes as files: they open elsewhere with names, colours and places."""

from __future__ import annotations

import builtins
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splatseg.errors import OutputError
from splatseg.mesh.mesh import Mesh
from splatseg.mesh.write import NamedMesh, mesh_format, write_meshes
from splatseg.plain_text import size_of_file

trimesh = pytest.importorskip("trimesh")

CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)


def pyramid(name: str, segment_id: int, shift: float = 0.0, color: int = 188) -> NamedMesh:
    mesh = Mesh(CORNERS + shift, FACES, np.tile(np.array([[color, 0, 255]], np.uint8), (4, 1)))
    return NamedMesh(name, mesh, segment_id, (1, 2, 3))


def document(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    (size,) = struct.unpack_from("<I", content, 12)
    found: dict[str, Any] = json.loads(content[20 : 20 + size])
    return found


@pytest.mark.parametrize("suffix", ["glb", "obj", "stl", "ply"])
def test_every_format_opens_in_trimesh_and_closes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"thing.{suffix}"
    said = write_meshes(path, [pyramid("mug", 7)])
    assert said.startswith(f"wrote a mesh of 4 faces to {path} ({size_of_file(path.stat().st_size)})")
    found = trimesh.load_mesh(path)
    assert found.is_watertight and found.volume == pytest.approx(1.0)
    expected = CORNERS * ([-1, -1, 1] if suffix == "glb" else 1)
    assert np.allclose(found.bounds, [expected.min(0), expected.max(0)])


def test_a_glb_has_a_named_node_a_segment_with_what_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "things.glb"
    said = write_meshes(path, [pyramid("mug", 7), pyramid("cup", 8, 5.0), pyramid("cup", 9, 9.0)])
    assert said.startswith("wrote 3 meshes of 12 faces")
    assert set(trimesh.load_scene(path).graph.nodes_geometry) == {"mug", "cup (8)", "cup (9)"}
    nodes = {node["name"]: node for node in document(path)["nodes"]}
    assert nodes["mug"]["extras"] == {"name": "mug", "segmentId": 7, "color": [1, 2, 3]}
    assert nodes["cup (9)"]["extras"]["segmentId"] == 9
    (material,) = document(path)["materials"]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0.0


def test_colours_of_a_glb_are_linear_and_those_of_others_as_they_are(tmp_path: Path) -> None:
    for suffix in ("glb", "ply", "obj"):
        write_meshes(tmp_path / f"x.{suffix}", [pyramid("mug", 1)])
    for suffix in ("ply", "obj"):
        assert (trimesh.load_mesh(tmp_path / f"x.{suffix}").visual.vertex_colors[:, :3] == [188, 0, 255]).all()
    tree, content = document(tmp_path / "x.glb"), (tmp_path / "x.glb").read_bytes()
    accessor = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]]
    start = len(content) - tree["buffers"][0]["byteLength"] + tree["bufferViews"][accessor["bufferView"]]["byteOffset"]
    assert list(content[start : start + 4]) == [128, 0, 255, 255]


def test_an_obj_has_an_object_a_segment(tmp_path: Path) -> None:
    path = tmp_path / "things.obj"
    write_meshes(path, [pyramid("red\nmug", 1), pyramid("cup", 2)])
    assert [line for line in path.read_text().splitlines() if line.startswith("o ")] == ["o red_mug", "o cup"]


def test_places_far_away_keep_their_digits_or_are_said(tmp_path: Path) -> None:
    origin = np.array([4e5, 5e6, 100.0])
    near = pyramid("mug", 1)
    far = NamedMesh("mug", Mesh(CORNERS + origin, FACES, near.mesh.colors), 1)
    said = {suffix: write_meshes(tmp_path / f"x.{suffix}", [far], origin=origin) for suffix in ("glb", "obj", "stl")}
    assert "its positions are relative to (400000, 5000000, 100)" in said["stl"] and "relative" not in said["glb"]
    assert trimesh.load_mesh(tmp_path / "x.stl").bounds[1] == pytest.approx([1, 2, 3])
    assert trimesh.load_mesh(tmp_path / "x.obj").bounds[1] == pytest.approx([400001, 5000002, 103], abs=1e-6)
    scene = trimesh.load_scene(tmp_path / "x.glb")
    assert scene.bounds[1] == pytest.approx([-4e5, -5e6, 103], abs=1e-3)


def test_a_suffix_or_format_of_no_mesh_is_refused_with_a_list() -> None:
    with pytest.raises(OutputError, match=r"x.spz has no suffix of a mesh; there are .glb, .obj, .stl, .ply$"):
        mesh_format(Path("x.spz"))
    with pytest.raises(OutputError, match="there is no format 'usd' of meshes; there are"):
        mesh_format(Path("x.glb"), "usd")


def test_a_missing_extra_is_named_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if name == "trimesh":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(OutputError, match=r'needs trimesh; install it with pip install "splatseg\[mesh\]"'):
        write_meshes(tmp_path / "x.glb", [pyramid("mug", 1)])
    assert not list(tmp_path.iterdir())
