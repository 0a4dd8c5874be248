"""Colour corrections: drift is found and taken out, photographs that agree are left alone, a fit resumes to the bit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from drifting_capture import SETTINGS, drifting_capture

from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.errors import RunError
from splatseg.evaluate.images import psnr
from splatseg.render.affine_color import color_moments
from splatseg.render.rgb import render_rgb
from splatseg.splats.splats import Splats
from splatseg.train.color_correction import ColorCorrection, confirmed
from splatseg.train.fit import fit_splats
from splatseg.train.task import StepReport

NEVER = dataclasses.replace(SETTINGS, color_correction="never")


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return drifting_capture(tmp_path_factory.mktemp("drifted"), 0.15)


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return drifting_capture(tmp_path_factory.mktemp("constant"), 0.0)


def held_out(splats: Splats, capture: Capture) -> float:
    views = capture.split("test")
    return float(np.mean([psnr(render_rgb(splats, view.camera).numpy(), view.image()) for view in views]))


def strengths(reports: list[StepReport]) -> set[float | None]:
    return {report.color_strength for report in reports}


def same(first: Splats, second: Splats) -> bool:
    names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


def test_held_out_colours_are_better_where_photographs_drift(drifted: Capture) -> None:
    reports: list[StepReport] = []
    corrected = fit_splats(drifted, SETTINGS, on_step=reports.append)
    assert (reports[-1].color_strength or 0.0) > 0.8
    assert held_out(corrected, drifted) > held_out(fit_splats(drifted, NEVER), drifted) + 1.0


def test_photographs_that_agree_give_the_splat_that_they_give_without(constant: Capture) -> None:
    reports: list[StepReport] = []
    assert same(fit_splats(constant, SETTINGS, on_step=reports.append), fit_splats(constant, NEVER))
    assert strengths(reports) == {None, 0.0}


def test_corrections_are_always_made_where_that_is_asked_for(constant: Capture) -> None:
    reports: list[StepReport] = []
    always = fit_splats(constant, dataclasses.replace(SETTINGS, color_correction="always"), on_step=reports.append)
    assert strengths(reports) == {None, 1.0}
    assert not same(always, fit_splats(constant, NEVER))


@pytest.mark.parametrize("stopped_at", [60, 130])  # before it is decided at step 100, and after
def test_a_fit_with_corrections_resumes_to_the_bit_on_other_threads(
    drifted: Capture, tmp_path: Path, stopped_at: int
) -> None:
    settings = dataclasses.replace(SETTINGS, iterations=160)
    steps = []

    def stop() -> bool:
        steps.append(None)
        return len(steps) == stopped_at

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        whole = fit_splats(drifted, settings)
        with pytest.raises(KeyboardInterrupt):
            fit_splats(drifted, settings, checkpoints=tmp_path, stop=stop)
        torch.set_num_threads(2)
        assert same(fit_splats(drifted, settings, checkpoints=tmp_path, resume=True), whole)
    finally:
        torch.set_num_threads(threads)


def test_a_fit_begun_before_there_were_corrections_goes_on_without(drifted: Capture, tmp_path: Path) -> None:
    settings = dataclasses.replace(NEVER, iterations=40, checkpoint_every=20)
    whole = fit_splats(drifted, settings, checkpoints=tmp_path)
    for path in tmp_path.glob("*.json"):
        head = json.loads(path.read_text())
        del head["facts"]["config"]["color_correction"], head["facts"]["config"]["color_decided"]
        path.write_text(json.dumps(head))
    assert same(fit_splats(drifted, settings, checkpoints=tmp_path, resume=True), whole)
    with pytest.raises(RunError, match="another config"):
        fit_splats(drifted, dataclasses.replace(settings, color_correction="auto"), checkpoints=tmp_path, resume=True)


def test_corrections_of_other_photographs_are_refused(drifted: Capture) -> None:
    views = drifted.split("train")
    state = ColorCorrection(views, 10, always=False).state
    with pytest.raises(ValueError, match="not of 17 photographs"):
        ColorCorrection(views[1:], 10, always=False, state=state)


def test_the_mean_of_the_corrections_is_none(drifted: Capture) -> None:
    views = drifted.split("train")
    correction = ColorCorrection(views, 1, always=True)
    for number, view in enumerate(views):
        target = torch.from_numpy(view.image()).float() / 255
        correction.corrected(max(1, number), view, (0.9 + 0.01 * number) * target, target, None)
    offsets = np.array([correction.of(view) for view in views])
    assert np.abs(offsets).max() > 0.02
    assert np.abs(offsets.mean(axis=0)).max() < 1e-12


def moments(gain: np.ndarray, patches: float, seed: int) -> np.ndarray:
    """Return moments (P,2,7,7) of photographs that are brighter by gains (P,), with patches of errors."""
    rng = np.random.default_rng(seed)
    found = []
    for each in gain:
        x = rng.uniform(0.2, 0.7, (32, 32, 3))
        errors = patches * rng.normal(size=(4, 4, 1)).repeat(8, 0).repeat(8, 1)
        found.append(color_moments(x, x * each + errors))
    return np.array(found)


def test_what_all_photographs_have_in_common_confirms_nothing() -> None:
    assert confirmed(moments(np.full(30, 0.8), 0.03, 0)) == 0.0


def test_errors_of_patches_confirm_nothing_and_drift_does() -> None:
    drift = np.exp(0.1 * np.random.default_rng(1).normal(size=30))
    assert confirmed(moments(np.ones(30), 0.1, 0)) == 0.0
    assert confirmed(moments(drift, 0.01, 0)) > 0.9
    assert confirmed(moments(drift, 0.06, 0)) == 0.0, "too little of it is true"
    assert confirmed(np.zeros((30, 2, 7, 7))) == 0.0


def test_views_of_one_photograph_share_its_correction(drifted: Capture) -> None:
    class Face(View):
        photograph = "both.png"  # type: ignore[assignment]

    faces = [Face(view.name, view.camera, view.image_path) for view in drifted.split("train")[:2]]
    views = [*faces, drifted.split("train")[2]]
    correction = ColorCorrection(views, 1, always=True)
    target = torch.from_numpy(views[0].image()).float() / 255
    correction.corrected(1, faces[0], 0.8 * target, target, None)
    assert np.array_equal(correction.of(faces[0]), correction.of(faces[1]))
    assert not np.array_equal(correction.of(faces[0]), correction.of(views[2]))
