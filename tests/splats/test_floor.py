"""A splat without cameras opens the right way up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from splatseg.formats.read import load_splats
from splatseg.splats.floor import USUAL, guessed_up
from splatseg.splats.splats import Splats

POSES = {
    "as it is": Rotation.identity(),
    "upside down": Rotation.from_euler("x", 180, degrees=True),
    "another axis": Rotation.from_euler("x", 90, degrees=True),
    "askew": Rotation.from_euler("xyz", (130, 40, 70), degrees=True),
}


def turned(splats: Splats, turn: Rotation) -> Splats:
    means = turn.apply(splats.means.numpy()).astype(np.float32)
    quats = (turn * Rotation.from_quat(splats.quats.numpy()[:, [1, 2, 3, 0]])).as_quat()[:, [3, 0, 1, 2]]
    return splats.replace(means=torch.from_numpy(means), quats=torch.from_numpy(quats.astype(np.float32)))


def made(means: np.ndarray, scales: np.ndarray) -> Splats:
    """Grey Gaussians at means (N,3) with scales (N,3), their axes those of the world."""
    count = len(means)
    quats = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    given = [torch.from_numpy(each.astype(np.float32)) for each in (means, quats, np.log(scales))]
    return Splats(*given, torch.full((count,), 4.0), torch.rand(count, 3), torch.zeros(count, 0, 3))


def things_on_a_floor(seed: int = 0) -> Splats:
    """A floor z = 0 of flat Gaussians with boxes on it."""
    draw = np.random.default_rng(seed)
    floor = np.column_stack([draw.uniform(-2, 2, (1500, 2)), draw.normal(0, 0.005, 1500)])
    boxes = [draw.uniform(-0.25, 0.25, (300, 3)) + np.array([*draw.uniform(-1, 1, 2), 0.3]) for _ in range(6)]
    means = np.concatenate([floor, *boxes])
    scales = np.full((len(means), 3), 0.03)
    scales[:1500] = (0.08, 0.08, 0.004)
    return made(means, scales)


@pytest.mark.parametrize("pose", POSES)
def test_up_is_away_from_the_floor_that_things_stand_on(pose: str) -> None:
    found = guessed_up(turned(things_on_a_floor(), POSES[pose]))
    assert found @ POSES[pose].apply([0.0, 0.0, 1.0]) > 0.99


def test_a_ball_and_next_to_nothing_stand_as_most_files_do() -> None:
    draw = np.random.default_rng(1)
    ball = draw.normal(size=(2000, 3))
    ball *= (draw.uniform(size=2000) ** (1 / 3) / np.linalg.norm(ball, axis=1))[:, None]
    for means in (ball, ball[:2], np.zeros((5, 3))):
        np.testing.assert_array_equal(guessed_up(made(means, np.full((len(means), 3), 0.02))), USUAL)


@pytest.mark.slow
@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize(
    ("name", "up"), [("plant", (0, -1, 0)), ("academic_tarot_cards", (0, -1, 0)), ("composed_14", (0, 0, 1))]
)
def test_real_splats_open_the_right_way_up(shared_data: Path, name: str, up: tuple[int, int, int], pose: str) -> None:
    splats, _ = load_splats(shared_data / "splats" / f"{name}.splat")
    found = guessed_up(turned(splats, POSES[pose]))
    assert found @ POSES[pose].apply(up) > 0.98
