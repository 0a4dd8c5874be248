"""glTF: an independent reader finds every number where the extensions say, and the validator finds no fault."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from node_tools import validated_gltf
from scenes import colorful_splats

from splatseg.errors import OutputError
from splatseg.formats import gltf as module
from splatseg.formats.gltf import KHR, write_glb
from splatseg.segments.segment import describe_segments

TYPES = {5121: "u1", 5123: "<u2", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


class NaiveGlb:
    """Sections, buffer views and accessors as glTF 2.0 says; shares no code with the package."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        assert struct.unpack_from("<4sII", content) == (b"glTF", 2, len(content))
        length, kind = struct.unpack_from("<I4s", content, 12)
        assert kind == b"JSON" and length % 4 == 0
        self.document: dict[str, Any] = json.loads(content[20 : 20 + length])
        size, kind = struct.unpack_from("<I4s", content, 20 + length)
        assert kind == b"BIN\0" and size == self.document["buffers"][0]["byteLength"]
        self.body = content[28 + length :]
        assert len(self.body) == size
        self.primitive = self.document["meshes"][0]["primitives"][0]

    def view(self, number: int) -> bytes:
        view = self.document["bufferViews"][number]
        return self.body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def attribute(self, name: str) -> np.ndarray:
        accessor = self.document["accessors"][self.primitive["attributes"][name]]
        dtype, width = np.dtype(TYPES[accessor["componentType"]]), WIDTHS[accessor["type"]]
        stride = self.document["bufferViews"][accessor["bufferView"]]["byteStride"]
        rows = np.frombuffer(self.view(accessor["bufferView"]), "u1").reshape(accessor["count"], stride)
        return rows[:, : width * dtype.itemsize].copy().view(dtype).squeeze(1) if width == 1 else rows.view(dtype)


def test_every_number_is_where_the_extension_says(tmp_path: Path) -> None:
    splats = colorful_splats(degree=2)
    write_glb(tmp_path / "a.glb", splats)
    found = NaiveGlb(tmp_path / "a.glb")
    turn = np.array([-1.0, -1.0, 1.0], np.float32)  # glTF: y up, z forward
    assert np.array_equal(found.attribute("POSITION"), splats.means.numpy() * turn)
    quats = splats.quats.numpy()
    rotations = np.stack([-quats[:, 1], -quats[:, 2], quats[:, 3], quats[:, 0]], 1)
    np.testing.assert_allclose(found.attribute(f"{KHR}:ROTATION"), rotations, atol=1e-6)
    np.testing.assert_allclose(found.attribute(f"{KHR}:SCALE"), splats.scales.numpy(), rtol=1e-6)
    np.testing.assert_allclose(found.attribute(f"{KHR}:OPACITY"), splats.opacities.numpy(), rtol=1e-6)
    assert np.array_equal(found.attribute(f"{KHR}:SH_DEGREE_0_COEF_0"), splats.sh0.numpy())
    harmonics = splats.shN.numpy()
    assert np.array_equal(found.attribute(f"{KHR}:SH_DEGREE_1_COEF_1"), harmonics[:, 1])  # z keeps its sign
    assert np.array_equal(found.attribute(f"{KHR}:SH_DEGREE_1_COEF_2"), -harmonics[:, 2])  # x turns
    assert np.array_equal(found.attribute(f"{KHR}:SH_DEGREE_2_COEF_0"), harmonics[:, 3])  # xy
    assert np.array_equal(found.attribute(f"{KHR}:SH_DEGREE_2_COEF_3"), -harmonics[:, 6])  # xz
    assert not [name for name in found.primitive["attributes"] if "DEGREE_3" in name]
    rgba = torch.cat([0.5 + 0.2820948 * splats.sh0, splats.opacities[:, None]], 1).numpy()
    np.testing.assert_allclose(found.attribute("COLOR_0") / 255, rgba.clip(0, 1), atol=0.5 / 255 + 1e-6)
    assert found.primitive["mode"] == 0
    assert found.primitive["extensions"][KHR]["kernel"] == "ellipse"
    assert found.primitive["extensions"][KHR]["colorSpace"] == "srgb_rec709_display"


def test_feature_ids_are_segment_ids_and_rows_of_a_table_with_names_and_colours(tmp_path: Path) -> None:
    splats = colorful_splats()
    segments = describe_segments(splats, {1: "mug", 2: "Tür"}, parents={2: 1}, colors={1: (9, 8, 7)})
    write_glb(tmp_path / "a.glb", splats, segments)
    found = NaiveGlb(tmp_path / "a.glb")
    assert splats.segment_ids is not None
    assert np.array_equal(found.attribute("_FEATURE_ID_0"), splats.segment_ids.numpy())
    feature = found.primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]
    assert feature == {"featureCount": 3, "nullFeatureId": 0, "label": "segment", "attribute": 0, "propertyTable": 0}
    metadata = found.document["extensions"]["EXT_structural_metadata"]
    table = metadata["propertyTables"][0]
    assert table["count"] == 4
    assert set(table["properties"]) <= set(metadata["schema"]["classes"][table["class"]]["properties"])
    values = {name: found.view(entry["values"]) for name, entry in table["properties"].items()}
    offsets = np.frombuffer(found.view(table["properties"]["name"]["stringOffsets"]), "<u4")
    names = [values["name"][a:b].decode() for a, b in pairwise(offsets)]
    assert names == ["", "mug", "Tür", "segment 3"]
    assert np.frombuffer(values["color"], "u1").reshape(4, 3)[1].tolist() == [9, 8, 7]
    assert np.frombuffer(values["count"], "<u4").tolist() == [0, 75, 75, 75]
    assert np.frombuffer(values["parent"], "<u4").tolist() == [0, 0, 1, 0]


def test_ids_that_are_not_there_are_empty_rows_and_large_ids_are_floats(tmp_path: Path) -> None:
    splats = colorful_splats(count=4, degree=0).replace(segment_ids=torch.tensor([0, 70_000, 3, 3], dtype=torch.int32))
    write_glb(tmp_path / "a.glb", splats)
    found = NaiveGlb(tmp_path / "a.glb")
    assert found.attribute("_FEATURE_ID_0").dtype == np.float32
    assert found.attribute("_FEATURE_ID_0").tolist() == [0, 70_000, 3, 3]
    table = found.document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
    counts = np.frombuffer(found.view(table["properties"]["count"]["values"]), "<u4")
    assert table["count"] == len(counts) == 70_001 and counts[[3, 5, 70_000]].tolist() == [2, 0, 1]


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("with_segments", [True, False])
def test_the_validator_finds_no_fault_but_that_it_does_not_know_the_names_of_the_extension(
    tmp_path: Path, degree: int, with_segments: bool
) -> None:
    splats = colorful_splats(degree=degree)
    write_glb(tmp_path / "a.glb", splats if with_segments else splats.replace(segment_ids=None))
    report = validated_gltf(tmp_path / "a.glb")
    assert report["info"]["totalVertexCount"] == len(splats)
    faults = [issue for issue in report["issues"]["messages"] if issue["severity"] < 2]
    # Version 2.0.0-dev.3.10 refuses every attribute of an extension, "KHR_gaussian_splatting:SCALE", for its colon.
    assert {issue["code"] for issue in faults} == {"MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
    assert all(KHR in issue["pointer"] for issue in faults)
    # Under names of its own kind it checks their data too, and there is nothing left to complain of.
    content = (tmp_path / "a.glb").read_bytes()
    renamed = content.replace(f'"{KHR}:'.encode(), b'"_' + KHR[1:].encode() + b"_")
    (tmp_path / "b.glb").write_bytes(renamed)
    issues = validated_gltf(tmp_path / "b.glb")["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0)


def test_what_is_too_large_for_the_format_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    with pytest.raises(OutputError, match=r"would have .* bytes, and a .glb holds at most 1000; export fewer segments"):
        write_glb(tmp_path / "a.glb", colorful_splats())
    assert not list(tmp_path.iterdir())


def test_an_id_that_no_feature_id_can_be_is_told_before_memory_is_taken(tmp_path: Path) -> None:
    splats = colorful_splats()
    splats = splats.replace(segment_ids=torch.full((300,), 2_000_000_000, dtype=torch.int32))
    with pytest.raises(
        OutputError, match=r"cannot hold the segment id 2000000000, the largest in a \.glb is 16777216; use \.usdc"
    ):
        write_glb(tmp_path / "a.glb", splats)
    assert not list(tmp_path.iterdir())
