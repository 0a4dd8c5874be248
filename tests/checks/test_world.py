"""A splat in another world is brought back where that is sure, and refused where it is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from splatseg.capture.capture import Capture, load_capture
from splatseg.checks.other_worlds import FILE, moved_by_convention, moved_by_file
from splatseg.checks.registration import axis_turns, icosahedral_turns, register
from splatseg.checks.trouble import settle
from splatseg.checks.world import placed
from splatseg.demo.demo import demo_capture
from splatseg.errors import SplatFileError
from splatseg.splats.half_turn import half_turn
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.similarity import Similarity
from splatseg.splats.splats import Splats
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings

MOVE = Similarity(Rotation.from_rotvec([0.3, -0.9, 0.5]).as_matrix(), np.array([1.0, -2.0, 0.4]), 0.3)


@pytest.fixture(scope="module")
def capture() -> Capture:
    return load_capture(demo_capture(), downscale=4, test_every=0)


@pytest.fixture(scope="module")
def splats(capture: Capture) -> Splats:
    return splats_from_points(capture.points, capture.point_colors)


def _is_back(splats: Splats, moved: Splats, atol: float) -> bool:
    return bool(np.allclose(splats.means, moved.means, atol=atol))


def test_a_splat_of_the_captures_world_is_left_alone(capture: Capture, splats: Splats) -> None:
    place = placed(splats, Path("room.ply"), capture)
    assert place.splats is splats and place.trouble is None


def test_what_nerfstudio_moved_is_brought_back_by_the_file_beside_it(
    tmp_path: Path, capture: Capture, splats: Splats
) -> None:
    # x_export = scale * (transform [x, 1]), as nerfstudio writes it.
    facts = {"transform": np.c_[MOVE.rotation, MOVE.translation / MOVE.scale].tolist(), "scale": MOVE.scale}
    (tmp_path / FILE).write_text(json.dumps(facts))
    place = placed(MOVE.splats(splats), tmp_path / "splat.ply", capture)
    assert _is_back(splats, place.splats, 1e-4)
    assert place.trouble is not None and place.trouble.error is None and FILE in place.trouble.text


def test_a_splat_turned_to_other_axes_is_brought_back(capture: Capture, splats: Splats) -> None:
    place = placed(half_turn(splats, 2), Path("room.ply"), capture)
    assert _is_back(splats, place.splats, 1e-5)


def test_the_world_of_nerfstudio_is_known_without_its_file(capture: Capture, splats: Splats) -> None:
    *_, (_, back) = moved_by_convention(capture.views, Similarity(np.eye(3), np.zeros(3)))
    place = placed(back.inverse().splats(splats), Path("room.ply"), capture)
    # The demo's up axis is nearly that of its coordinates, so two conventions give nearly the same.
    assert _is_back(splats, place.splats, 0.03)


@pytest.mark.slow
def test_a_splat_that_was_moved_at_will_is_registered(capture: Capture) -> None:
    fitted = fit_splats(capture, TrainSettings().scaled(300))
    place = placed(MOVE.splats(fitted), Path("room.ply"), capture)
    assert place.trouble is not None and "by registration with the photographs" in place.trouble.text
    apart = (place.splats.means - fitted.means).norm(dim=1).median()
    assert float(apart) < 0.01 * float(fitted.means.std())


def test_a_splat_of_something_else_is_refused_with_the_figure(
    monkeypatch: pytest.MonkeyPatch, capture: Capture, splats: Splats
) -> None:
    monkeypatch.setattr("splatseg.checks.world.register", lambda *_: [])  # which takes long, and finds nothing here
    rng = np.random.default_rng(0)
    other = splats.replace(
        means=splats.means[rng.permutation(len(splats))] * 3, sh0=splats.sh0[rng.permutation(len(splats))]
    )
    place = placed(other, Path("other.ply"), capture)
    assert place.trouble is not None
    told: list[str] = []
    with pytest.raises(SplatFileError, match=r"of 8 views recognise other\.ply as it is.*--force"):
        settle([place.trouble], told.append)
    settle([place.trouble], told.append, force=True)
    assert len(told) == 1


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"transform": [[1]], "scale": 1}', '{"scale": 1e999}', '{"transform": 5}']
)
def test_a_damaged_file_beside_the_splat_is_told(tmp_path: Path, capture: Capture, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(SplatFileError, match="does not hold a transform"):
        moved_by_file(tmp_path / "splat.ply", capture)


def test_the_map_of_the_captures_own_import_is_taken_into_account(tmp_path: Path, capture: Capture) -> None:
    applied = [[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]]
    (tmp_path / "transforms.json").write_text(json.dumps({"applied_transform": applied}))
    (tmp_path / FILE).write_text(json.dumps({"transform": np.eye(4)[:3].tolist(), "scale": 2.0}))
    moved = Capture(tmp_path, capture.views, capture.points, capture.point_colors, frozenset())
    (_, both), (_, plain) = moved_by_file(tmp_path / "splat.ply", moved)
    point = np.array([[2.0, 4.0, 6.0]])
    np.testing.assert_allclose(plain.points(point), [[1, 2, 3]])
    np.testing.assert_allclose(both.points(point), [[1, 3, -2]])


def test_there_are_24_turns_that_map_axes_to_axes() -> None:
    turns = axis_turns()
    assert len({tuple(turn.ravel()) for turn in turns}) == 24
    assert all(np.isclose(np.linalg.det(turn), 1) for turn in turns)
    np.testing.assert_array_equal(turns[0], np.eye(3))


def test_registration_without_points_finds_nothing(splats: Splats) -> None:
    assert register(splats.positions, np.zeros((0, 3)), axis_turns()) == []


def test_a_registered_cloud_lies_over_its_points() -> None:
    rng = np.random.default_rng(1)
    cloud = rng.normal(size=(3000, 3)) * [3.0, 1.5, 0.5] + rng.random((3000, 3)) ** 3
    ends = register(MOVE.points(cloud), cloud[::7], axis_turns())
    errors = [np.median(np.linalg.norm(end.points(MOVE.points(cloud)) - cloud, axis=1)) for end in ends]
    assert min(errors) < 0.1


def test_the_60_turns_of_an_icosahedron_leave_no_turn_far_from_one() -> None:
    turns = Rotation.from_matrix(np.array(icosahedral_turns()))
    assert len(turns) == 60
    nearest = [float((turn.inv() * turns).magnitude().min()) for turn in Rotation.random(500, random_state=0)]
    assert np.degrees(max(nearest)) < 45


def test_an_end_that_many_starts_reach_is_returned_once() -> None:
    cloud = np.random.default_rng(0).normal(size=(300, 3)) * [1, 2, 3]
    turns = axis_turns()
    once, thrice = register(cloud, cloud[::3], turns), register(cloud, cloud[::3], [*turns, *turns, *turns])
    assert len(once) == len(thrice)
