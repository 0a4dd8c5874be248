"""COLMAP models: what is read, what is refused, and that no damage crashes the reader."""

from __future__ import annotations

import dataclasses
import math
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from capture_files import Model, binary_files, colmap_capture, model, text_files, write_files, write_image
from hypothesis import given, settings
from hypothesis import strategies as st
from lenses import HEIGHT, PARAMETERS, WIDTH

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import LensCamera
from splatseg.cameras.lens_models import lens_of_model
from splatseg.capture.capture import load_cameras, load_capture
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
    np.testing.assert_array_equal(read.points, np.array([p[0] for p in content.points], np.float64).reshape(-1, 3))
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
@pytest.mark.parametrize("model_id", range(len(CAMERA_MODELS)))
def test_a_camera_of_every_model_is_read_with_its_lens(tmp_path: Path, model_id: int, binary: bool) -> None:
    name, size = CAMERA_MODELS[model_id]
    params = tuple(float(value) for value in PARAMETERS[name])
    assert len(params) == size
    content = dataclasses.replace(model(["a.jpg"]), cameras=[(1, name, model_id, WIDTH, HEIGHT, params)])
    (camera,) = read_model(write_files(tmp_path, (binary_files if binary else text_files)(content))).cameras.values()
    lens = lens_of_model(name, params, WIDTH, HEIGHT)
    if lens.is_pinhole:
        assert isinstance(camera, Camera)
        np.testing.assert_array_equal(camera.K, lens.K)
    else:
        assert isinstance(camera, LensCamera) and camera.lens == lens


@pytest.mark.parametrize("params", [(-30.0, 16.0, 12.0, 0.1), (0.0, 16.0, 12.0, 0.1), (30.0, 16.0, 12.0, math.inf)])
def test_a_lens_of_impossible_numbers_is_refused(tmp_path: Path, params: tuple[float, ...]) -> None:
    content = dataclasses.replace(model(["a.jpg"]), cameras=[(1, "SIMPLE_RADIAL", 2, 32, 24, params)])
    with pytest.raises(CaptureError, match=r"camera 1 has impossible intrinsics .*export the COLMAP model again"):
        read_model(write_files(tmp_path, binary_files(content)))


@pytest.mark.parametrize(
    ("name", "model_id", "params"),
    [
        ("SIMPLE_RADIAL", 2, (30.0, 1e6, 12.0, -1.0)),
        ("FOV", 7, (30.0, 30.0, 16.0, 12.0, 1e300)),
        ("EUCM", 16, (30.0, 30.0, 16.0, 12.0, 0.6, 1e6)),
        ("SIMPLE_DIVISION", 12, (1e8, 16.0, 12.0, 1e13)),
    ],
)
def test_a_lens_that_bends_its_picture_away_is_refused(
    tmp_path: Path, name: str, model_id: int, params: tuple[float, ...]
) -> None:
    colmap_capture(tmp_path, ["a.jpg", "b.jpg"])
    content = dataclasses.replace(model(["a.jpg", "b.jpg"]), cameras=[(1, name, model_id, 32, 24, params)])
    write_files(tmp_path / "sparse" / "0", binary_files(content))
    with pytest.raises(CaptureError, match=r"the camera of 'a\.jpg' is impossible, .*export it again"):
        load_capture(tmp_path)


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


@pytest.mark.parametrize("binary", [True, False])
def test_the_poses_of_all_sensors_of_a_rig_are_those_of_colmap(tmp_path: Path, binary: bool) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig, options.num_points3D = 2, 3, 2, 20
    options.sensor_from_rig_rotation_stddev, options.sensor_from_rig_translation_stddev = 40.0, 0.5
    made = pycolmap.synthesize_dataset(options)
    folder = tmp_path / "sparse" / "0"
    folder.mkdir(parents=True)
    (made.write_binary if binary else made.write_text)(str(folder))
    assert (folder / f"rigs.{'bin' if binary else 'txt'}").exists()
    views = {view.name: view for view in load_cameras(tmp_path)}
    assert sorted(views) == sorted(image.name for image in made.images.values())
    for image in made.images.values():
        viewmat = views[image.name].camera.viewmat
        np.testing.assert_allclose(viewmat[:3], image.cam_from_world().matrix(), atol=1e-12)


@pytest.mark.parametrize("binary", [True, False])
def test_cameras_of_several_lenses_and_sizes_are_those_of_their_folders(tmp_path: Path, binary: bool) -> None:
    content = dataclasses.replace(
        model(["Front Cam/\u00e4 1.JPG", "back/\u00e4 1.JPG"]),
        cameras=[
            (3, "PINHOLE", 1, 32, 24, (30.0, 31.0, 16.0, 12.0)),
            (7, "SIMPLE_PINHOLE", 0, 20, 40, (25.0, 10.0, 20.0)),
        ],
    )
    content.images[:] = [(name, camera, *rest) for (name, _, *rest), camera in zip(content.images, (3, 7), strict=True)]
    write_files(tmp_path / "sparse" / "0", (binary_files if binary else text_files)(content))
    write_image(tmp_path / "images" / "front cam" / "a\u0308 1.jpg", 32, 24, value=10)
    write_image(tmp_path / "images" / "back" / "\u00e4 1.JPG", 20, 40, value=200)
    front, back = load_capture(tmp_path).views
    assert (front.name, back.name) == ("Front Cam/\u00e4 1.JPG", "back/\u00e4 1.JPG")
    assert front.image().shape == (24, 32, 3) and front.image().mean() < 20 and front.camera.K[1, 1] == 31
    assert back.image().shape == (40, 20, 3) and back.image().mean() > 190 and back.camera.K[1, 1] == 25


def test_a_text_model_that_an_editor_marked_is_read(tmp_path: Path) -> None:
    files = {name: b"\xef\xbb\xbf" + text for name, text in text_files(model(["a.jpg"])).items()}
    assert list(read_model(write_files(tmp_path, files)).cameras) == ["a.jpg"]


def test_without_model_0_the_largest_is_read_and_a_model_may_be_given_itself(tmp_path: Path) -> None:
    names = ["a.jpg", "b.jpg", "c.jpg"]
    for name in names:
        write_image(tmp_path / "images" / name)
    write_files(tmp_path / "sparse" / "1", binary_files(model(names[:2])))
    write_files(tmp_path / "sparse" / "3", text_files(model(names)))
    assert [view.name for view in load_capture(tmp_path).views] == names
    assert [view.name for view in load_capture(tmp_path / "sparse" / "1").views] == names[:2]
    write_files(tmp_path / "flat" / "sparse", binary_files(model(names[:2])))
    (tmp_path / "images").rename(tmp_path / "flat" / "images")
    assert load_capture(tmp_path / "flat" / "sparse").views[0].image_path == tmp_path / "flat" / "images" / "a.jpg"


def test_a_camera_of_an_unknown_model_names_those_that_are_read_and_the_command(tmp_path: Path) -> None:
    files = text_files(model(["a.jpg"]))
    files["cameras.txt"] = files["cameras.txt"].replace(b"PINHOLE", b"PERISCOPE")
    said = (
        r"cameras\.txt: camera 1 has the model PERISCOPE; splatseg reads those of COLMAP 4 \(SIMPLE_PINHOLE, .*`colmap"
    )
    with pytest.raises(CaptureError, match=said):
        read_model(write_files(tmp_path, files))


def test_2d_points_between_two_images_are_stepped_over(tmp_path: Path) -> None:
    content = model([f"{i:03}.jpg" for i in range(60)], points=20_000, points2d=5_000)
    content = dataclasses.replace(content, points=[((1.0, 2.0, 3.0), (1, 2, 3), 4)] * 20_000)
    write_files(tmp_path, binary_files(content))
    assert len(read_model(tmp_path).cameras) == 60
