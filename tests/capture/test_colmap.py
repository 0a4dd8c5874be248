"""COLMAP models: what is read, what is refused, and that no damage crashes the reader."""

from __future__ import annotations

import dataclasses
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from capture_files import Model, binary_files, model, text_files, write_files
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.capture.colmap import find_model, read_model
from splatseg.capture.colmap_rows import CAMERA_MODELS
from splatseg.errors import CaptureError

number = st.floats(-1e6, 1e6)
quaternion = st.tuples(number, number, number, number).filter(lambda q: np.linalg.norm(q) > 1e-3)
word = st.text("abcXYZ019._- ()äß", min_size=1, max_size=12).map(str.strip).filter(lambda w: w.strip(".") and w)
image_name = st.builds(lambda parts: "/".join(parts) + ".jpg", st.lists(word, min_size=1, max_size=3))


@st.composite
def models(draw: st.DrawFn) -> Model:
    focal, names = st.floats(1.0, 1e5), draw(st.lists(image_name, min_size=1, max_size=4, unique=True))
    cameras = [
        (7, "PINHOLE", 1, 640, 480, (draw(focal), draw(focal), draw(number), draw(number))),
        (9, "SIMPLE_PINHOLE", 0, 100, 200, (draw(focal), draw(number), draw(number))),
    ]
    camera_ids, vector = st.sampled_from([7, 9]), st.tuples(number, number, number)
    images = [(name, draw(camera_ids), draw(quaternion), draw(vector), draw(st.integers(0, 6))) for name in names]
    byte = st.integers(0, 255)
    points = draw(st.lists(st.tuples(vector, st.tuples(byte, byte, byte), st.integers(0, 5)), max_size=5))
    return Model(cameras, images, points)


@given(models(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_in_both_formats(content: Model, binary: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read = read_model(write_files(Path(folder), (binary_files if binary else text_files)(content)))
    intrinsics = {row[0]: row for row in content.cameras}
    assert list(read.cameras) == [image[0] for image in content.images]
    for name, camera_id, qvec, tvec, _ in content.images:
        camera, (_, kind, _, width, height, params) = read.cameras[name], intrinsics[camera_id]
        focals = params[:2] if kind == "PINHOLE" else (params[0], params[0])
        assert (camera.width, camera.height) == (width, height)
        np.testing.assert_allclose(
            [camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]], [*focals, *params[-2:]]
        )
        np.testing.assert_allclose(camera.viewmat[:3, 3], tvec)
        w, xyz = qvec[0] / np.linalg.norm(qvec), np.array(qvec[1:]) / np.linalg.norm(qvec)
        vector = np.array([0.3, -0.5, 0.8])  # q v q* by Rodrigues, another way than the reader's matrix
        turned = vector + 2 * np.cross(xyz, np.cross(xyz, vector) + w * vector)
        np.testing.assert_allclose(camera.viewmat[:3, :3] @ vector, turned, atol=1e-9)
    np.testing.assert_array_equal(read.points, np.array([p[0] for p in content.points], np.float32).reshape(-1, 3))
    np.testing.assert_array_equal(read.point_colors, np.array([p[1] for p in content.points], np.uint8).reshape(-1, 3))


@given(st.sampled_from(["cameras", "images", "points3D"]), st.booleans(), st.data())
@settings(max_examples=120, deadline=None)
def test_a_file_cut_or_scribbled_on_gives_a_capture_error_or_a_model(
    stem: str, binary: bool, data: st.DataObject
) -> None:
    files = (binary_files if binary else text_files)(model(["a.jpg", "b/c d.jpg"]))
    name = stem + (".bin" if binary else ".txt")
    whole = bytearray(files[name])
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    files[name] = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with tempfile.TemporaryDirectory() as folder:
        try:
            read = read_model(write_files(Path(folder), files))
        except CaptureError as error:
            assert folder in str(error)
        else:
            assert np.isfinite(read.points).all()


@pytest.mark.parametrize("stem", ["cameras", "images", "points3D"])
def test_every_truncation_of_a_binary_file_is_an_error(tmp_path: Path, stem: str) -> None:
    files = binary_files(model(["a.jpg", "b.jpg"]))
    whole = files[f"{stem}.bin"]
    for size in range(len(whole)):
        with pytest.raises(CaptureError, match=rf"{stem}\.bin is damaged or truncated"):
            read_model(write_files(tmp_path, files | {f"{stem}.bin": whole[:size]}))


@pytest.mark.parametrize("stem", ["cameras", "images", "points3D"])
def test_a_huge_declared_count_is_an_error_and_not_an_allocation(tmp_path: Path, stem: str) -> None:
    files = binary_files(model(["a.jpg"]))
    files[f"{stem}.bin"] = struct.pack("<Q", 2**61) + files[f"{stem}.bin"][8:]
    with pytest.raises(CaptureError, match="damaged or truncated"):
        read_model(write_files(tmp_path, files))


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("model_id", [i for i in range(len(CAMERA_MODELS)) if i not in (0, 1)])
def test_a_camera_with_a_lens_is_named_with_the_way_out(tmp_path: Path, model_id: int, binary: bool) -> None:
    name, size = CAMERA_MODELS[model_id]
    content = dataclasses.replace(model(["a.jpg"]), cameras=[(1, name, model_id, 32, 24, (1.0,) * size)])
    way_out = "perspective" if name == "EQUIRECTANGULAR" else "colmap image_undistorter"
    with pytest.raises(CaptureError, match=f"model {name};.*{way_out}"):
        read_model(write_files(tmp_path, (binary_files if binary else text_files)(content)))


def test_an_unknown_model_number_is_an_error(tmp_path: Path) -> None:
    content = dataclasses.replace(model(["a.jpg"]), cameras=[(1, "NEW", 99, 32, 24, (1.0,) * 4)])
    with pytest.raises(CaptureError, match="unknown model number 99"):
        read_model(write_files(tmp_path, binary_files(content)))


def test_a_camera_that_no_image_uses_may_have_any_model(tmp_path: Path) -> None:
    content = model(["a.jpg"])
    content.cameras.insert(0, (5, "OPENCV", 4, 32, 24, (1.0,) * 8))
    assert len(read_model(write_files(tmp_path, binary_files(content))).cameras) == 1


@pytest.mark.parametrize("points_line", ["\n", "", "1 2 3 4 5 6 7 8 -1 10 11 12\n", "1.5 2.5 -1\n"])
def test_images_txt_may_have_blank_missing_or_full_lines_of_points(tmp_path: Path, points_line: str) -> None:
    pose = "1 0 0 0 0 0 0 1"
    text = "".join(f"{i} {pose} {name}\n{points_line}" for i, name in enumerate(["a 1.jpg", "000123", "2 b.jpg"], 1))
    files = text_files(model(["x.jpg"])) | {"images.txt": f"# comment\n{text}".encode()}
    assert list(read_model(write_files(tmp_path, files)).cameras) == ["a 1.jpg", "000123", "2 b.jpg"]


def test_missing_points_are_zero_points_and_other_missing_files_are_errors(tmp_path: Path) -> None:
    files = binary_files(model(["a.jpg"]))
    del files["points3D.bin"]
    assert read_model(write_files(tmp_path, files)).points.shape == (0, 3)
    (tmp_path / "cameras.bin").unlink()
    with pytest.raises(CaptureError, match=r"has no cameras\.bin or cameras\.txt"):
        read_model(tmp_path)


def test_points_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    content = model(["a.jpg"], points=2)
    content.points.insert(1, ((float("nan"), 0.0, 1.0), (1, 2, 3), 0))
    read = read_model(write_files(tmp_path, binary_files(content)))
    assert len(read.points) == len(read.point_colors) == 2


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "x/../../a.jpg", "C:\\a.jpg"])
def test_image_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaptureError, match="does not lie inside the image folder"):
        read_model(write_files(tmp_path, binary_files(model([name]))))


def test_names_written_on_windows_are_read(tmp_path: Path) -> None:
    assert list(read_model(write_files(tmp_path, binary_files(model(["left\\a.jpg"])))).cameras) == ["left/a.jpg"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": [("a.jpg", 1, (0.0,) * 4, (0.0,) * 3, 0)]}, "pose of 'a.jpg'"),
        ({"images": [("a.jpg", 1, (1.0, 0, 0, 0), (float("nan"),) * 3, 0)]}, "pose of 'a.jpg'"),
        ({"images": [("a.jpg", 3, (1.0, 0, 0, 0), (0.0,) * 3, 0)]}, "uses camera 3"),
        ({"images": [("a.jpg", 1, (1.0, 0, 0, 0), (0.0,) * 3, 0)] * 2}, "'a.jpg' twice"),
        ({"images": []}, "registers no images"),
        ({"cameras": [(1, "PINHOLE", 1, 32, 24, (0.0, 1.0, 1.0, 1.0))]}, "impossible intrinsics"),
        ({"cameras": [(1, "PINHOLE", 1, 32, 2**40, (1.0,) * 4)]}, "impossible size 32x1099511627776"),
    ],
)
def test_impossible_poses_and_cameras_are_named(tmp_path: Path, change: dict, message: str) -> None:
    content = dataclasses.replace(model(["a.jpg"]), **change)
    with pytest.raises(CaptureError, match=message):
        read_model(write_files(tmp_path, binary_files(content)))


@pytest.mark.parametrize("folder", ["sparse/0", "sparse", "colmap/sparse/0", "."])
def test_the_model_is_found_where_tools_put_it(tmp_path: Path, folder: str) -> None:
    write_files(tmp_path / folder, text_files(model(["a.jpg"])))
    found = find_model(tmp_path)
    assert found is not None and found.resolve() == (tmp_path / folder).resolve()


def test_rigs_and_frames_of_newer_colmap_are_not_in_the_way(tmp_path: Path) -> None:
    files = binary_files(model(["a.jpg"])) | {"rigs.bin": b"\1", "frames.bin": b"\2"}
    assert len(read_model(write_files(tmp_path, files)).cameras) == 1


def test_2d_points_between_two_images_are_stepped_over(tmp_path: Path) -> None:
    content = model([f"{i:03}.jpg" for i in range(60)], points=20_000, points2d=5_000)
    content = dataclasses.replace(content, points=[((1.0, 2.0, 3.0), (1, 2, 3), 4)] * 20_000)
    write_files(tmp_path, binary_files(content))
    assert len(read_model(tmp_path).cameras) == 60
