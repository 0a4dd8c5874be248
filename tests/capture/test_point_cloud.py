"""Point clouds: three encodings, tolerant of what else stands in the file, and never more than the file holds."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.capture.point_cloud import read_point_cloud
from splatseg.errors import CaptureError

XYZ = np.array([[1.0, 2.0, 3.0], [-4.5, 5.0, 6.0]])
RGB = np.array([[255, 0, 7], [1, 2, 3]])


def ply(encoding: str, color: str = "uchar", count: int = 2) -> bytes:
    header = (
        f"ply\nformat {encoding} 1.0\ncomment made by a test\nelement vertex {count}\n"
        "property double x\nproperty double y\nproperty double z\nproperty float nx\n"
        + "".join(f"property {color} {channel}\n" for channel in ("red", "green", "blue"))
        + "element face 0\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode()
    rgb = RGB / 255 if color == "float" else RGB
    if encoding == "ascii":
        return (
            header
            + "".join(f"{x} {y} {z} 0 {r} {g} {b}\n" for (x, y, z), (r, g, b) in zip(XYZ, rgb, strict=True)).encode()
        )
    order = ">" if "big" in encoding else "<"
    channel = "f4" if color == "float" else "u1"
    rows = np.zeros(2, [("xyz", order + "f8", 3), ("nx", order + "f4"), ("rgb", order + channel, 3)])
    rows["xyz"], rows["rgb"] = XYZ, rgb
    return header + rows.tobytes()


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("color", ["uchar", "float"])
def test_points_and_colours_are_read_in_every_encoding(tmp_path: Path, encoding: str, color: str) -> None:
    (tmp_path / "p.ply").write_bytes(ply(encoding, color))
    points, colors = read_point_cloud(tmp_path / "p.ply")
    np.testing.assert_array_equal(points, XYZ.astype(np.float32))
    np.testing.assert_array_equal(colors, RGB)


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian"])
@pytest.mark.parametrize("count", [3, 10**15, -1])
def test_more_points_declared_than_held_is_an_error(tmp_path: Path, encoding: str, count: int) -> None:
    (tmp_path / "p.ply").write_bytes(ply(encoding, count=count))
    with pytest.raises(CaptureError, match=r"p\.ply is not a readable PLY point cloud"):
        read_point_cloud(tmp_path / "p.ply")


@given(st.sampled_from(["ascii", "binary_little_endian"]), st.data())
@settings(max_examples=80, deadline=None)
def test_damage_gives_a_capture_error_or_points(encoding: str, data: st.DataObject) -> None:
    whole = bytearray(ply(encoding))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.ply"
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
        try:
            points, colors = read_point_cloud(path)
        except CaptureError:
            return
        assert points.shape == colors.shape
