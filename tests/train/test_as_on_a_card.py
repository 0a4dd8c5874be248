"""The fit as a card does it, here on the processor: Warp's kernels, and torch where the native ones cannot go."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from scenes import camera, cloud
from small_fit import SETTINGS, Twin

from splatseg.capture.capture import Capture
from splatseg.raster import interface
from splatseg.raster.interface import prepare, vote_above
from splatseg.raster.weights import Floors
from splatseg.splats import colors
from splatseg.splats.colors import SeenColors
from splatseg.splats.splats import Splats
from splatseg.train import losses, optimiser, state
from splatseg.train.fit import fit_splats
from splatseg.train.optimiser import Optimiser
from splatseg.train.task import StepReport


@pytest.fixture
def as_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every part believe that its tensors are on a card."""
    if importlib.util.find_spec("warp") is None:
        pytest.skip("NVIDIA Warp is not installed")
    for module in (losses, colors, optimiser):
        monkeypatch.setattr(module, "native_takes", lambda *_: False)
    monkeypatch.setattr(state, "packed_on", lambda _: ())
    monkeypatch.setattr(interface, "_place", lambda means, backend: (backend or "warp", means.device))


def fitted(capture: Capture, **others: object) -> tuple[Splats, list[float]]:
    reports: list[StepReport] = []
    splats = fit_splats(capture, SETTINGS, on_step=reports.append, **others)  # type: ignore[arg-type]
    return splats, [report.loss for report in reports]


def test_the_first_steps_are_those_of_the_processor(
    capture: Capture,
    request: pytest.FixtureRequest,
) -> None:
    _, expected = fitted(capture)
    request.getfixturevalue("as_on_a_card")
    _, found = fitted(capture)
    # Then growth decides by thresholds, and rounding by who is at the threshold.
    torch.testing.assert_close(found[:5], expected[:5], rtol=1e-4, atol=1e-5)
    assert min(found[-5:]) < 1.2 * min(expected[-5:])


def test_features_are_fitted_with_the_geometry(capture: Capture, request: pytest.FixtureRequest) -> None:
    expected, _ = fitted(capture, objective=Twin())
    request.getfixturevalue("as_on_a_card")
    found, _ = fitted(capture, objective=Twin())
    assert found.features is not None and expected.features is not None
    assert found.features.shape[1] == 2
    # They grow towards 1, on both.
    assert abs(float(found.features.mean()) - float(expected.features.mean())) < 0.2 * float(expected.features.mean())


@pytest.mark.usefixtures("as_on_a_card")
def test_a_fit_repeats_itself_to_the_bit_and_resumes(capture: Capture, tmp_path) -> None:
    first, _ = fitted(capture)
    again, _ = fitted(capture)
    with pytest.raises(KeyboardInterrupt):
        fitted(capture, checkpoints=tmp_path, stop=iter([False] * 16 + [True]).__next__)
    resumed, _ = fitted(capture, checkpoints=tmp_path, resume=True)
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name
        assert torch.equal(getattr(first, name), getattr(resumed, name)), name


def test_a_fit_moves_from_the_processor_to_a_card(
    capture: Capture,
    tmp_path,
    request: pytest.FixtureRequest,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        fitted(capture, checkpoints=tmp_path, stop=iter([False] * 16 + [True]).__next__)
    expected, losses_of_cpu = fitted(capture)
    request.getfixturevalue("as_on_a_card")
    splats, found = fitted(capture, checkpoints=tmp_path, resume=True)
    assert len(found) == SETTINGS.iterations - 17 and 0 < len(splats) <= SETTINGS.max_gaussians
    assert min(found[-5:]) < 1.2 * min(losses_of_cpu[-5:])
    assert len(expected) > 0


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_a_step_by_colours_in_torch_is_that_of_the_kernels(degree: int, request: pytest.FixtureRequest) -> None:
    generator, position = torch.Generator().manual_seed(1), [0.3, -1.2, 2.5]
    means = torch.randn(50, 3, generator=generator)
    start = {"sh0": torch.randn(50, 3, generator=generator), "shN": torch.randn(50, 15, 3, generator=generator)}
    weights = torch.randn(50, 3, generator=generator)

    def stepped() -> dict[str, torch.Tensor]:
        taken = Optimiser({name: value.clone() for name, value in start.items()})
        for _ in range(3):
            seen = SeenColors.of(means, taken.parameters["sh0"], taken.parameters["shN"], position, degree)
            (seen.colors * weights).sum().backward()
            taken.step({"sh0": 0.01, "shN": 0.002}, seen=seen)
        return {name: value.detach() for name, value in taken.parameters.items()}

    expected = stepped()
    request.getfixturevalue("as_on_a_card")
    torch.testing.assert_close(stepped(), expected, rtol=1e-5, atol=1e-6)


def test_votes_are_those_of_the_processor(request: pytest.FixtureRequest) -> None:
    scene = cloud(60, 1, seed=4, size=0.2, view=camera(40, 30, 30.0))
    labels = torch.arange(40).div(10, rounding_mode="floor").add(1).repeat(30, 1)
    found = []
    for name in ("native", "card"):
        if name == "card":
            request.getfixturevalue("as_on_a_card")
        entries, totals = vote_above(prepare(*scene.geometry, scene.camera), labels, 4, Floors(0.01, 0.1))
        dense = torch.zeros(60, 4)
        dense[entries.rows.long(), entries.columns.long()] = entries.weights
        found.append((dense, totals))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-4)
