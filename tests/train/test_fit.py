"""The photometric fit on a scene of a few dozen Gaussians: it learns, repeats itself, and resumes to the bit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import scenes
import torch
from small_fit import SETTINGS, Twin

from splatseg.errors import RunError
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.splats import Splats
from splatseg.tensors import load_tensors, write_tensors
from splatseg.train.fit import fit_splats, one_step, view_of_step
from splatseg.train.moments import unpacked
from splatseg.train.photographs import at_resolution
from splatseg.train.state import begin
from splatseg.train.task import StepReport


def same(first: Splats, second: Splats) -> bool:
    names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "features")
    pairs = [(getattr(first, name), getattr(second, name)) for name in names]
    return all((a is None and b is None) or torch.equal(a, b) for a, b in pairs)


def test_the_fit_comes_closer_to_the_photographs(capture):
    reports: list[StepReport] = []
    settings = dataclasses.replace(SETTINGS, iterations=80, reset_every=0)
    splats = fit_splats(capture, settings, on_step=reports.append)
    assert [report.step for report in reports] == list(range(1, 81))
    assert np.mean([r.psnr for r in reports[-8:]]) > np.mean([r.psnr for r in reports[:8]]) + 3.0
    assert splats.sh_degree == 3 and splats.features is None
    assert len(splats) == reports[-1].count


def test_the_same_seed_gives_the_same_splat_and_another_seed_another(capture):
    first, second = fit_splats(capture, SETTINGS), fit_splats(capture, SETTINGS)
    assert same(first, second)
    assert not same(first, fit_splats(capture, dataclasses.replace(SETTINGS, seed=1)))


def test_growth_stops_at_the_limit(capture):
    reports: list[StepReport] = []
    fit_splats(capture, SETTINGS, on_step=reports.append)
    counts = [report.count for report in reports]
    assert max(counts) > 25
    assert max(counts) <= SETTINGS.max_gaussians


@pytest.mark.parametrize("objective", [None, Twin()])
@pytest.mark.parametrize("stopped_at", [10, 17])
def test_an_interrupted_fit_resumes_to_the_bit(capture, tmp_path, objective, stopped_at):
    whole = fit_splats(capture, SETTINGS, objective=objective)
    steps = []

    def stop() -> bool:
        steps.append(None)
        return len(steps) == stopped_at

    with pytest.raises(KeyboardInterrupt):
        fit_splats(capture, SETTINGS, objective=objective, checkpoints=tmp_path, stop=stop)
    reports: list[StepReport] = []
    resumed = fit_splats(
        capture, SETTINGS, objective=objective, checkpoints=tmp_path, resume=True, on_step=reports.append
    )
    assert reports[0].step == stopped_at + 1
    assert same(resumed, whole)


def test_a_checkpoint_of_other_settings_is_refused(capture, tmp_path):
    settings = dataclasses.replace(SETTINGS, iterations=10)
    fit_splats(capture, settings, checkpoints=tmp_path)
    with pytest.raises(RunError, match=r"another config.*start over"):
        fit_splats(capture, SETTINGS, checkpoints=tmp_path, resume=True)


@pytest.mark.parametrize("idle", [{"means": float("inf")}, [], None])
def test_a_checkpoint_that_is_none_of_a_fit_is_told(capture, tmp_path, idle):
    fit_splats(capture, SETTINGS, checkpoints=tmp_path)
    for path in tmp_path.glob("*.json"):
        head = json.loads(path.read_text())
        head["facts"]["idle"] = idle
        path.write_text(json.dumps(head))
    with pytest.raises(RunError, match=r"the checkpoint in .* does not hold a fit \(.+\); start the run over"):
        fit_splats(capture, SETTINGS, checkpoints=tmp_path, resume=True)


def test_a_checkpoint_of_moments_in_float_is_resumed(capture, tmp_path):
    def stop_after(step):
        return lambda: len(list(tmp_path.glob(f"step_{step:08d}.json"))) > 0

    with pytest.raises(KeyboardInterrupt):
        fit_splats(capture, SETTINGS, checkpoints=tmp_path, stop=stop_after(30))
    whole = fit_splats(capture, SETTINGS, checkpoints=tmp_path / "whole")
    for path in tmp_path.glob("step_*.json"):
        head = json.loads(path.read_text())
        path.write_text(json.dumps(head | {"format": 1}))
        arrays, _ = load_tensors(path.with_suffix(".safetensors"))
        for name in [name.removeprefix("first.") for name in arrays if name.startswith("first.")]:
            pair = torch.from_numpy(arrays[f"first.{name}"]), torch.from_numpy(arrays[f"second.{name}"])
            assert pair[0].dtype == torch.int16
            arrays[f"first.{name}"], arrays[f"second.{name}"] = (moment.numpy() for moment in unpacked(pair))
        write_tensors(path.with_suffix(".safetensors"), None, arrays)
    assert same(fit_splats(capture, SETTINGS, checkpoints=tmp_path, resume=True), whole)


def test_resuming_where_nothing_was_saved_starts_from_the_beginning(capture, tmp_path):
    settings = dataclasses.replace(SETTINGS, iterations=3)
    assert same(fit_splats(capture, settings, checkpoints=tmp_path, resume=True), fit_splats(capture, settings))


def test_joint_features_are_trained_and_follow_growth(capture):
    splats = fit_splats(capture, SETTINGS, objective=Twin())
    assert splats.features is not None and splats.features.shape == (len(splats), 2)
    assert float(splats.features.mean()) > 0.02


def test_a_damaged_gaussian_is_dropped_and_the_fit_goes_on(capture):
    start = splats_from_points(capture.points, capture.point_colors, 0)
    start.sh0[4] = float("nan")
    splats = fit_splats(capture, dataclasses.replace(SETTINGS, iterations=4), start=start)
    assert len(splats) == 24
    assert all(torch.isfinite(value).all() for value in (splats.means, splats.sh0, splats.opacity_logits))


def test_a_fit_that_loses_every_gaussian_says_so(capture):
    with pytest.raises(RunError, match=r"lost its last Gaussian at step 10.*belong together"):
        fit_splats(capture, dataclasses.replace(SETTINGS, prune_opacity=0.9999, densify_from=9))


def test_every_epoch_shows_every_view_once_in_its_own_order():
    epochs = [[view_of_step(9 * epoch + i, 9, seed=0) for i in range(9)] for epoch in range(3)]
    assert all(sorted(epoch) == list(range(9)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_harmonics_in_use_grow_with_the_steps(capture):
    state = begin(splats_from_points(capture.points, capture.point_colors, 0))
    photograph = torch.from_numpy(capture.views[0].image())
    sizes = []
    for _ in range(11):
        one_step(state, capture.views[0], photograph, SETTINGS, 1.0)
        sizes.append(state.parameters["shN"].shape[1])
    assert sizes == [0] * 10 + [3]
    assert state.splats(3).sh_degree == 3


def test_a_coarse_camera_sees_the_same_scene_in_pixels_twice_as_large():
    camera = scenes.camera(width=65, height=48)
    photograph = torch.randint(0, 256, (48, 65, 3), dtype=torch.uint8)
    ignored = torch.zeros(48, 65, dtype=torch.bool)
    ignored[7, 11] = True
    half, target, hidden = at_resolution(camera, photograph, ignored, coarse=True)
    assert hidden is not None and hidden.nonzero().tolist() == [[3, 5]]
    assert (half.width, half.height) == (32, 24) and target.shape == (24, 32, 3)
    point = np.array([[0.3, -0.2, 2.0]])
    np.testing.assert_allclose(half.project(point)[0], camera.project(point)[0] / 2)
    assert float(target[3, 5, 1]) == pytest.approx(float(photograph[6:8, 10:12, 1].float().mean()) / 255)


def test_the_folder_of_checkpoints_holds_the_last_two(capture, tmp_path):
    fit_splats(capture, SETTINGS, checkpoints=tmp_path)
    assert [path.name for path in sorted(Path(tmp_path).glob("*.json"))] == ["step_00000030.json", "step_00000040.json"]


class Clock:
    """A clock that advances by so many seconds whenever it is read."""

    def __init__(self, seconds: float) -> None:
        self.now, self._seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self._seconds
        return self.now


@pytest.mark.parametrize("seconds", [0.01, 7.0, 31.0])
def test_a_killed_fit_of_few_steps_goes_on_from_a_checkpoint_by_time_to_the_bit(capture, tmp_path, seconds):
    settings = dataclasses.replace(SETTINGS, checkpoint_every=1000)
    killed_at = 33

    def kill(report: StepReport) -> None:
        if report.step == killed_at:
            raise MemoryError

    with pytest.raises(MemoryError):
        fit_splats(capture, settings, checkpoints=tmp_path, on_step=kill, clock=Clock(seconds))
    saved = sorted(tmp_path.glob("*.json"))
    assert bool(saved) == (seconds > 1)
    reports: list[StepReport] = []
    resumed = fit_splats(capture, settings, checkpoints=tmp_path, resume=True, on_step=reports.append)
    assert reports[0].step == (int(saved[-1].stem.removeprefix("step_")) + 1 if saved else 1)
    assert same(resumed, fit_splats(capture, settings))


def test_checkpoints_that_take_long_come_less_often(capture, tmp_path):
    settings = dataclasses.replace(SETTINGS, checkpoint_every=1000)
    told: list[int] = []

    def count(report: StepReport) -> None:
        told.append(len(list(tmp_path.glob("*.json"))))

    fit_splats(capture, settings, checkpoints=tmp_path, on_step=count, clock=Clock(31.0))
    # Each takes 31 seconds, so the next is due 50 times as long after: one in 40 steps.
    assert told[1] == 1 and told[-1] == 1


def test_a_fit_of_more_gaussians_than_one_thread_takes_has_the_same_bits_on_any_number(capture, set_threads):
    # torch divides the work on 32,768 values or more, and some of its functions round otherwise where a part ends.
    random = np.random.default_rng(1)
    points = random.normal((0.0, 0.0, 3.0), 0.5, (40_961, 3))
    start = splats_from_points(points, random.integers(0, 256, (len(points), 3), dtype=np.uint8), 0)
    start = start.replace(opacity_logits=torch.from_numpy(random.normal(-1.0, 2.0, len(points))).float())
    settings = dataclasses.replace(SETTINGS, iterations=12, reset_every=0, max_gaussians=42_000, surroundings=1)
    found = []
    for threads in (1, 2, 3):
        set_threads(threads)
        found.append(fit_splats(capture, settings, start=start))
    assert len(found[0]) > 32_768
    assert same(found[0], found[1]) and same(found[0], found[2])
