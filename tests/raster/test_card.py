"""Large scenes, long runs and company on a card; they skip where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from scenes import Scene, camera, cloud
from small_fit import SETTINGS, cloud_capture
from torch import Tensor

from splatseg.machine import devices
from splatseg.raster.interface import prepare, rasterize, vote_above
from splatseg.raster.weights import Floors
from splatseg.train.fit import fit_splats
from splatseg.train.task import StepReport

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card")


@pytest.fixture(autouse=True)
def on_the_card() -> Iterator[None]:
    devices.use("cuda")
    yield
    devices.use(None)


def large() -> Scene:
    return cloud(200_000, 19, seed=1, size=0.01, view=camera(1280, 720, 900.0))


def step(scene: Scene, backend: str | None = None) -> list[Tensor]:
    """Picture, alphas and gradients of one step."""
    inputs = [t.clone().requires_grad_() for t in (*scene.geometry, scene.features)]
    raster = rasterize(*inputs, scene.camera, backend=backend)
    loss = raster.features.square().mean() + raster.alphas.mean()
    return [raster.features.detach(), raster.alphas.detach(), *torch.autograd.grad(loss, inputs)]


def moved(scene: Scene) -> Scene:
    return Scene(*(t.cuda() for t in (*scene.geometry, scene.features)), scene.camera)


def test_a_large_scene_is_that_of_the_processor() -> None:
    scene = large()
    for found, expected in zip(step(moved(scene)), step(scene, "native"), strict=True):
        assert found.is_cuda
        # Some pixels lie within rounding of a cut-off: there one contribution more or less is no fault.
        assert (found.cpu() - expected).norm() < 2e-3 * expected.norm()


def test_a_step_repeats_itself_to_the_bit() -> None:
    scene = moved(large())
    assert all(torch.equal(one, other) for one, other in zip(step(scene), step(scene), strict=True))


def test_votes_of_a_large_scene_are_those_of_the_processor() -> None:
    scene = large()
    labels = (torch.arange(1280) // 22).expand(720, -1).contiguous()
    found = []
    for backend in (None, "native"):
        entries, totals = vote_above(
            prepare(*scene.geometry, scene.camera, backend=backend), labels, 60, Floors(0, 0.5)
        )
        sums = torch.zeros(60).index_add_(0, entries.columns.long(), entries.weights)
        found.append((sums, totals.sum()))
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1.0)


def test_a_thousand_steps_leave_the_memory_as_it_was() -> None:
    scene = moved(cloud(5_000, 3, seed=2, size=0.05, view=camera(160, 120, 120.0)))
    for number in range(1_000):
        step(scene)
        if number == 50:
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated()
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() <= before + (1 << 20)


def test_two_processes_share_a_card() -> None:
    code = (
        "import torch; from scenes import cloud, camera; from splatseg.raster.interface import rasterize\n"
        "s = cloud(2000, 3, seed=5, size=0.05, view=camera(200, 150, 150.0))\n"
        "print([float(rasterize(*s.geometry, s.features, s.camera).features.double().sum()) for _ in range(50)][-1])"
    )
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path), "SPLATSEG_DEVICE": "cuda"}
    children = [
        subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    said = [child.communicate(timeout=300)[0] for child in children]
    assert said[0] == said[1] != ""


def test_a_fit_learns_on_the_card_as_on_the_processor(tmp_path_factory: pytest.TempPathFactory) -> None:
    capture = cloud_capture(tmp_path_factory.mktemp("capture"))
    last = []
    for name in ("cuda", "cpu"):
        devices.use(name)
        reports: list[StepReport] = []
        splats = fit_splats(capture, SETTINGS, on_step=reports.append)
        assert not splats.means.is_cuda, "the result is where everything else expects it"
        last.append(min(report.loss for report in reports[-5:]))
    assert last[0] < 1.2 * last[1]
