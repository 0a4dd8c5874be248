"""Captures as a user gives them: layouts, names, sizes, splits, and what is said when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from capture_files import binary_files, colmap_capture, model, transforms_capture, write_files, write_image

from splatseg.capture.capture import Capture, load_cameras, load_capture
from splatseg.capture.view import View
from splatseg.checks.capture import capture_troubles
from splatseg.errors import CaptureError, PromptError

TEN = [f"{i:03}.jpg" for i in range(10)]


def names(views: tuple[View, ...]) -> list[str]:
    return [view.name for view in views]


def test_every_eighth_view_by_name_is_held_out(tmp_path: Path) -> None:
    capture = load_capture(colmap_capture(tmp_path, TEN[::-1]))
    assert names(capture.views) == TEN == names(capture.split("all"))
    assert names(capture.split("test")) == ["000.jpg", "008.jpg"]
    assert len(capture.split("train")) == 8
    assert load_capture(tmp_path, test_every=0).test_names == frozenset()
    assert len(load_capture(tmp_path, test_every=3).test_names) == 4


def test_lists_override_the_split(tmp_path: Path) -> None:
    colmap_capture(tmp_path, TEN)
    assert load_capture(tmp_path, test_names=["003", "004.jpg"]).test_names == {"003.jpg", "004.jpg"}
    assert names(load_capture(tmp_path, train_names=["003"]).split("train")) == ["003.jpg"]
    both = load_capture(tmp_path, test_names=["001"], train_names=["002", "003"])
    assert names(both.views) == ["001.jpg", "002.jpg", "003.jpg"]
    with pytest.raises(CaptureError, match=r"names '03\.jpg'.*did you mean: .*003\.jpg"):
        load_capture(tmp_path, test_names=["03.jpg"])
    with pytest.raises(CaptureError, match=r"'001\.jpg' is in both"):
        load_capture(tmp_path, test_names=["001"], train_names=["001"])
    with pytest.raises(CaptureError, match="all 10 views"):
        load_capture(tmp_path, test_names=TEN)
    with pytest.raises(CaptureError, match="test_every must be 0"):
        load_capture(tmp_path, test_every=-1)


def test_a_single_view_is_for_training(tmp_path: Path) -> None:
    assert load_capture(colmap_capture(tmp_path, ["a.png"])).test_names == frozenset()


def test_names_with_spaces_dots_and_folders_find_their_images(tmp_path: Path) -> None:
    odd = ["left/a b.v1.jpg", "right/a b.v1.jpg", "x.y.z.png", "ä (1).png"]
    capture = load_capture(colmap_capture(tmp_path, odd))
    assert names(capture.views) == sorted(odd)
    assert [view.image().shape for view in capture.views] == [(24, 32, 3)] * 4
    assert capture.view("right/a b.v1").png_name == "right/a b.v1.png"


def test_a_view_is_found_by_its_name_with_or_without_suffix(tmp_path: Path) -> None:
    capture = load_capture(colmap_capture(tmp_path, TEN))
    assert capture.view("004.jpg") is capture.view("004") is capture.views[4]
    with pytest.raises(PromptError, match=r"no view is named '004\.png'.*did you mean: 004\.jpg"):
        capture.view("004.png")
    with pytest.raises(PromptError, match=r"no view is named 'nope\.jpg' in .*; its views are 000\.jpg to 009\.jpg"):
        capture.view("nope.jpg")


def test_images_that_differ_in_their_suffix_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"'a\.jpg' and 'a\.png' .* differ in their suffix only"):
        load_capture(colmap_capture(tmp_path, ["a.jpg", "a.png"]))


def test_downscale_divides_camera_and_image(tmp_path: Path) -> None:
    colmap_capture(tmp_path, ["a.png"], width=1000, height=667)
    whole, third = load_capture(tmp_path).views[0], load_capture(tmp_path, downscale=3).views[0]
    assert third.image().shape == (222, 333, 3)
    assert (third.camera.width, third.camera.height) == (333, 222)
    point = np.array([[0.2, -0.1, 3.0]])
    (pixel, _), (small, _) = whole.camera.project(point), third.camera.project(point)
    np.testing.assert_allclose(small / [333, 222], pixel / [1000, 667])
    with pytest.raises(CaptureError, match="downscale must be 1 or more"):
        load_capture(tmp_path, downscale=0)


def test_smaller_images_scale_their_camera(tmp_path: Path) -> None:
    colmap_capture(tmp_path, ["a.png"], width=100, height=75)
    (tmp_path / "images").rename(tmp_path / "full")
    write_image(tmp_path / "images_2" / "a.png", 50, 38)
    view = load_capture(tmp_path).views[0]
    assert (view.camera.width, view.camera.height) == (50, 38) and view.image().shape == (38, 50, 3)
    assert view.camera.K[0, 0] == 15.0
    assert load_capture(tmp_path, downscale=2).views[0].camera.width == 50  # K counts from the camera's own size
    assert load_capture(tmp_path, downscale=4).views[0].image().shape == (19, 25, 3)


def test_images_may_have_sizes_of_their_own(tmp_path: Path) -> None:
    colmap_capture(tmp_path, ["a.png", "b.png"])
    write_image(tmp_path / "images" / "b.png", 64, 48)
    assert [view.camera.width for view in load_capture(tmp_path).views] == [32, 64]


def test_absent_images_are_counted_and_the_folder_is_named(tmp_path: Path) -> None:
    colmap_capture(tmp_path, TEN)
    for name in TEN[3:]:
        (tmp_path / "images" / name).unlink()
    with pytest.raises(
        CaptureError, match=r"7 of 10 images .*images: 003\.jpg, 004\.jpg, 005\.jpg, 006\.jpg, 007\.jpg, \.\.\."
    ):
        load_capture(tmp_path)


def test_absent_image_folders_are_an_error(tmp_path: Path) -> None:
    write_files(tmp_path / "sparse" / "0", binary_files(model(["a.jpg"])))
    with pytest.raises(CaptureError, match=r"1 of 1 images named in .* are absent"):
        load_capture(tmp_path)


def test_an_image_that_is_none_is_named(tmp_path: Path) -> None:
    colmap_capture(tmp_path, ["a.jpg"])
    (tmp_path / "images" / "a.jpg").write_text("not an image")
    with pytest.raises(CaptureError, match=r"a\.jpg cannot be read"):
        load_capture(tmp_path)


def test_a_missing_empty_or_foreign_folder_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"there is no folder: .*gone; expected a COLMAP model"):
        load_capture(tmp_path / "gone")
    with pytest.raises(CaptureError, match=r"is not a capture: .*it is empty"):
        load_capture(tmp_path)
    write_image(tmp_path / "pictures" / "a.png")
    with pytest.raises(CaptureError, match=r"transforms\.json; found: pictures/"):
        load_capture(tmp_path)
    with pytest.raises(CaptureError, match="not a folder"):
        load_capture(tmp_path / "pictures" / "a.png")


def test_a_transforms_file_may_be_given_itself(tmp_path: Path) -> None:
    folder = transforms_capture(tmp_path, ["a.png", "b.png"])
    assert names(load_capture(folder / "transforms.json").views) == names(load_capture(folder).views)


@pytest.mark.parametrize("kind", ["colmap", "model folder", "transforms", "transforms file"])
def test_cameras_are_read_without_their_images(tmp_path: Path, kind: str) -> None:
    with_images = transforms_capture if kind.startswith("transforms") else colmap_capture
    folder = with_images(tmp_path / "capture", ["b.png", "a.png"])
    wanted = load_capture(folder).views
    for image in folder.rglob("*.png"):
        image.unlink()
    given = {"model folder": folder / "sparse" / "0", "transforms file": folder / "transforms.json"}.get(kind, folder)
    views = load_cameras(given)
    assert names(views) == names(wanted) == ["a.png", "b.png"]
    for view, other in zip(views, wanted, strict=True):
        assert (view.camera.width, view.camera.height) == (other.camera.width, other.camera.height)
        np.testing.assert_allclose(view.camera.viewmat, other.camera.viewmat)
        np.testing.assert_allclose(view.camera.K, other.camera.K)
        assert view.image_path is None


def test_cameras_that_cannot_be_read_say_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"there is no folder: .*gone; expected a COLMAP model .* or a nerfstudio"):
        load_cameras(tmp_path / "gone")
    with pytest.raises(CaptureError, match=r"holds no cameras: .*it is empty"):
        load_cameras(tmp_path)
    folder = transforms_capture(tmp_path / "bare", ["a.png"], w=None, h=None)
    (folder / "a.png").unlink()
    with pytest.raises(CaptureError, match=r"'a\.png': there is neither an image nor a size; state w and h in pixels"):
        load_cameras(folder)
    with pytest.raises(CaptureError, match="differ in their suffix only"):
        load_cameras(transforms_capture(tmp_path / "twins", ["a.png", "a.jpg"]))


def test_a_capture_without_points_is_read(tmp_path: Path) -> None:
    capture = load_capture(colmap_capture(tmp_path, ["a.png"], points=0))
    assert capture.points.shape == capture.point_colors.shape == (0, 3)


def test_a_view_without_an_image_says_so() -> None:
    from scenes import camera

    with pytest.raises(CaptureError, match="'a' has a camera but no image"):
        View("a", camera()).image()


@pytest.mark.parametrize(
    ("name", "views", "points", "held_out"),
    [("demo", 64, 11_968, 8), ("tabletop", 60, 1_936, 8), ("kitchen", 24, 2_633, 3), ("fern", 20, 7_338, 3)],
)
def test_the_development_captures_load(shared_data: Path, name: str, views: int, points: int, held_out: int) -> None:
    capture: Capture = load_capture(shared_data / name)
    assert (len(capture.views), len(capture.points), len(capture.test_names)) == (views, points, held_out)
    view = capture.views[0]
    assert view.image().shape == (view.camera.height, view.camera.width, 3)
    pixels, depths = view.camera.project(capture.points)
    inside = (depths > 0) & (pixels > 0).all(axis=1) & (pixels < [view.camera.width, view.camera.height]).all(axis=1)
    assert inside.mean() > 0.2  # with axes or poses wrong hardly a point would fall into the picture


def test_photographs_without_poses_and_a_video_name_the_command_that_makes_a_capture(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.JPG", "c.png"):
        write_image(tmp_path / "photos" / name, format="JPEG")
        write_image(tmp_path / "deeper" / "images" / name, format="JPEG")
    for folder in (tmp_path / "photos", tmp_path / "deeper"):
        said = r"holds 3 photographs without poses; `splatseg capture \S+ -o CAPTURE` finds out"
        with pytest.raises(CaptureError, match=said):
            load_capture(folder)
    (tmp_path / "walk.MOV").write_bytes(b"film")
    with pytest.raises(CaptureError, match=r"is a video; `splatseg capture \S+walk\.MOV -o CAPTURE` makes"):
        load_capture(tmp_path / "walk.MOV")


@pytest.mark.parametrize("kind", [colmap_capture, transforms_capture])
def test_absent_images_are_listed_or_left_out_when_that_is_asked(tmp_path: Path, kind: Callable[..., Path]) -> None:
    names = [f"images/{i}.png" if kind is transforms_capture else f"{i}.png" for i in range(9)]
    folder = kind(tmp_path, names)
    for i in range(3, 9):
        (folder / "images" / f"{i}.png").unlink()
    with pytest.raises(CaptureError, match=r"6 of 9 images .* are absent .*7\.png, \.\.\.; put them there, or"):
        load_capture(folder)
    capture = load_capture(folder, skip_missing=True)
    assert [view.name for view in capture.views] == names[:3] and list(capture.absent) == names[3:]
    (told, *_) = [trouble.text for trouble in capture_troubles(capture)]
    assert told.startswith("6 of 9 images named in") and "are absent and left out" in told
    for i in range(1, 3):
        (folder / "images" / f"{i}.png").unlink()
    with pytest.raises(CaptureError, match=r"8 of 9 images .* are absent from .*; put them there$"):
        load_capture(folder, skip_missing=True)


def test_a_path_that_no_folder_can_have_is_told_in_a_sentence() -> None:
    with pytest.raises(CaptureError, match=r"9+… cannot be looked into \(File name too long\); check the path"):
        load_capture(Path("/tmp") / ("9" * 400))
    with pytest.raises(CaptureError, match="cannot be looked into"):
        load_cameras(Path("/tmp") / ("9" * 400 + ".json"))
