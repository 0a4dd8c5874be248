"""The cameras of a film: their size, their number, and what of a scene they fly through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.cameras.lens_camera import LensCamera
from splatseg.cameras.lens_models import lens_of_model
from splatseg.capture.transforms_json import write_transforms
from splatseg.capture.view import View, faces_of_photograph
from splatseg.errors import PromptError
from splatseg.formats.ply.ply import write_ply
from splatseg.jobs.film import _along_views, _distance, cameras_of_film, render_film
from splatseg.requests.filming import Film
from splatseg.scene.first_pose import home_of_views


def views(width: int, height: int) -> list[View]:
    return [View(f"{index}.jpg", camera) for index, camera in enumerate(ring(12, width=width, height=height))]


@pytest.mark.parametrize("path", ["orbit", "capture"])
@pytest.mark.parametrize(
    ("taken", "filmed"), [((640, 480), (640, 480)), ((4000, 3000), (960, 720)), ((1001, 667), (1000, 668))]
)
def test_a_film_has_the_shape_of_the_pictures_at_most_720_rows_and_even_sides(
    path: str, taken: tuple[int, int], filmed: tuple[int, int]
) -> None:
    cameras = _along_views(views(*taken), things()[0], Film(path, seconds=0.5, fps=8))
    assert len(cameras) == 4 and {(camera.width, camera.height) for camera in cameras} == {filmed}


def test_keyframes_keep_the_size_they_state(tmp_path: Path) -> None:
    write_transforms(tmp_path / "path.json", {str(index): camera for index, camera in enumerate(ring(4, width=1920))})
    film = Film(str(tmp_path / "path.json"), seconds=0.5, fps=8)
    assert {camera.width for camera in cameras_of_film(tmp_path, things()[0], film)} == {1920}


def test_an_orbit_goes_around_the_things_that_were_photographed() -> None:
    cameras = _along_views(views(36, 24), things()[0], Film("orbit", seconds=1, fps=12))
    assert _distance(cameras) == pytest.approx(3.0, rel=1e-3)
    assert np.allclose(np.mean([camera.position for camera in cameras], axis=0), 0, atol=1e-6)


def test_an_orbit_around_a_file_does_not_go_around_its_sky() -> None:
    splats, _ = things(each=120)
    sky = torch.nn.functional.normalize(torch.randn(100, 3, generator=torch.Generator().manual_seed(0))) * 300.0
    means = torch.cat([sky, splats.means[100:]])
    film = Film("orbit", seconds=1, fps=12, size=(64, 48))
    with_sky, without = (
        np.mean([np.linalg.norm(camera.position) for camera in cameras_of_film(Path("things.ply"), made, film)])
        for made in (splats.replace(means=means), splats.subset(torch.arange(360) >= 100))
    )
    assert with_sky == pytest.approx(without, rel=1e-6)


@pytest.mark.parametrize("path", ["orbit", "capture"])
def test_films_along_photographs_that_are_cut_into_faces_look_where_the_photographs_do(path: str) -> None:
    fisheye = lens_of_model("SIMPLE_FISHEYE", (64 / np.radians(160.0), 32.0, 24.0), 64, 48)
    cameras = ring(12)
    faces = [
        face
        for index, camera in enumerate(cameras)
        for face in faces_of_photograph(f"{index}.jpg", LensCamera(camera.viewmat, fisheye))
    ]
    assert len(faces) >= 3 * len(cameras)
    filmed = _along_views(faces, things()[0], Film(path, seconds=1, fps=12))
    # Along the capture it is smoothed, which makes a ring of few views smaller.
    assert _distance(filmed) == pytest.approx(3.0, rel=0.01 if path == "orbit" else 0.2)
    middle = [camera.project(np.zeros((1, 3)))[0][0] / (camera.width, camera.height) for camera in filmed]
    np.testing.assert_allclose(middle, 0.5, atol=0.05)
    home = home_of_views(faces, things()[0])
    towards = np.array(home.look_at) - home.position
    assert towards @ -np.array(home.position) > 0.99 * np.linalg.norm(towards) * np.linalg.norm(home.position)


def test_the_distance_of_a_film_that_looks_all_one_way_is_finite() -> None:
    assert np.isfinite(_distance([ring(4)[0]] * 3))


def test_a_splat_file_has_a_film_of_its_own_and_the_same_one_each_time(tmp_path: Path) -> None:
    splats, ids = things()
    write_ply(tmp_path / "splats.ply", splats.replace(segment_ids=torch.as_tensor(ids).int()))
    film = Film("orbit", seconds=0.5, fps=8, size=(48, 32), up="z", codec="av1")
    for name in ("one.mp4", "two.mp4"):
        said = render_film(tmp_path / "splats.ply", "segments", film, tmp_path / name)
        assert said.endswith("AV1, 4 frames of 48x32, 0.5 s")
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    with pytest.raises(PromptError, match="comes without a capture to film along"):
        render_film(tmp_path / "splats.ply", "rgb", Film("capture"), tmp_path / "three.mp4")


def test_a_draft_of_a_film_is_asked_for_and_is_of_the_same_length(tmp_path: Path) -> None:
    splats, _ = things(each=2000)
    write_ply(tmp_path / "things.ply", splats.replace(log_scales=splats.log_scales - 1.5))
    for draft in (False, True):
        film = Film("orbit", seconds=0.3, fps=10, size=(48, 32), draft=draft)
        render_film(tmp_path / "things.ply", "rgb", film, tmp_path / f"film{draft}")
    frames = [sorted((tmp_path / f"film{draft}").iterdir()) for draft in (False, True)]
    assert [path.name for path in frames[0]] == [path.name for path in frames[1]] and len(frames[0]) == 3
    assert any(one.read_bytes() != other.read_bytes() for one, other in zip(*frames, strict=True)), "it is merged"
