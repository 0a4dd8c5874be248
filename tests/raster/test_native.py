"""What only the native backend promises: the same bits for any number of threads, after a fork, from many threads."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.raster.interface import accumulate, prepare, rasterize
from splatseg.raster.ssim import photometric_loss


def scene() -> Scene:
    return cloud(6000, 19, seed=1, size=0.05, view=camera(150, 110, 100.0))


def everything(scene: Scene) -> list[Tensor]:
    """Values and all gradients of one picture and its photometric loss."""
    inputs = [t.clone().requires_grad_() for t in (*scene.geometry, scene.features)]
    offset = torch.zeros(len(scene.means), 2, requires_grad=True)
    raster = rasterize(*inputs, scene.camera, backend="native", means2d_offset=offset)
    target = torch.rand(*raster.alphas.shape, 3, generator=torch.Generator().manual_seed(0))
    loss, _, _ = photometric_loss(raster.features[..., :3], target)
    (loss + 1e-3 * raster.features.square().mean()).backward()
    plan = prepare(*scene.geometry, scene.camera, backend="native")
    sums = accumulate(plan, raster.features.detach())
    gradients = [t.grad for t in (*inputs, offset) if t.grad is not None]
    assert len(gradients) == 6
    return [raster.features.detach(), raster.alphas.detach(), raster.radii, loss.detach(), sums, *gradients]


def equal(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("level", _native.simd_levels())
def test_any_number_of_threads_gives_the_same_bits(level: str) -> None:
    before = _native.simd_level()
    _native.use_simd_level(level)
    try:
        torch.set_num_threads(1)
        alone = everything(scene())
        for threads in (2, 3, 7, 2):
            torch.set_num_threads(threads)
            assert equal(everything(scene()), alone), f"{threads} threads"
    finally:
        _native.use_simd_level(before)


def test_python_threads_may_render_at_once() -> None:
    torch.set_num_threads(2)
    expected = everything(scene())
    found: list[list[Tensor]] = []
    workers = [threading.Thread(target=lambda: found.append(everything(scene()))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    assert all(equal(result, expected) for result in found)


def _render_in_child(s: Scene, queue: multiprocessing.Queue[float]) -> None:
    torch.set_num_threads(1)  # torch's own pool does not survive a fork; ours is asked for two below
    radii = torch.empty(len(s.means), dtype=torch.int32)
    plan = _native.prepare(*s.geometry, None, _native_camera(s), radii, 2)
    blended, alphas = torch.empty(110, 150, 19), torch.empty(110, 150)
    _native.blend(plan, s.features, blended, alphas, 2)
    queue.put(float(blended.numpy().sum()))


def _native_camera(s: Scene) -> object:
    return _native.Camera(
        s.camera.viewmat, s.camera.K, s.camera.width, s.camera.height, [0.01, 0.3, 1 / 255, 0.999, 1e-4, 0.3]
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_renders_with_threads_of_its_own() -> None:
    torch.set_num_threads(2)
    s = scene()
    expected = float(rasterize(*s.geometry, s.features, s.camera).features.numpy().sum())
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[float] = context.Queue()
    child = context.Process(target=_render_in_child, args=(s, queue))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(timeout=60)
    assert child.exitcode == 0


class Pictures(torch.utils.data.Dataset[Tensor]):
    """The same picture again and again, rendered in whichever process asks for it."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Tensor:
        s = scene()
        return rasterize(*s.geometry, s.features, s.camera).features


def test_the_workers_of_a_data_loader_render() -> None:
    expected = Pictures()[0]
    loader = torch.utils.data.DataLoader(Pictures(), num_workers=2, timeout=60)
    assert all(torch.equal(picture[0], expected) for picture in loader)


@pytest.mark.parametrize("level", _native.simd_levels())
def test_the_environment_forces_a_simd_level(level: str) -> None:
    assert _level_in_new_process(level) == level


def test_a_simd_level_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'v9' does not run here; choose one of"):
        _native.use_simd_level("v9")
    assert "'v9' does not run here" in _level_in_new_process("v9")


@pytest.mark.parametrize(
    "code",
    [
        "from splatseg.raster.interface import available_backends as call; call()",
        "from splatseg.raster.ssim import photometric_loss as call; image = torch.ones(2, 2, 3); call(image, image)",
        "from splatseg.splats.colors import native_colors as call; call(*[torch.ones(2, 3)] * 3, [0.0] * 3, 0)",
    ],
    ids=["rasteriser", "loss", "colours"],
)
def test_a_simd_level_that_does_not_run_here_is_a_user_error_of_one_sentence(code: str) -> None:
    result = _in_new_process(f"import torch; {code}", "v9")
    assert "BackendError: the SIMD level 'v9' does not run here" in result.stderr


def _level_in_new_process(level: str) -> str:
    code = "from splatseg import _native\ntry:\n print(_native.simd_level())\nexcept ValueError as e:\n print(e)"
    return _in_new_process(code, level).stdout.strip()


def _in_new_process(code: str, level: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SPLATSEG_SIMD": level}
    return subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_arrays_that_do_not_fit_the_plan_are_refused_before_memory_is_touched() -> None:
    s = cloud(10)
    radii = torch.empty(10, dtype=torch.int32)
    plan = _native.prepare(*s.geometry, None, _native_camera(s), radii, 1)
    assert plan.count == 10
    with pytest.raises(ValueError, match="height and width of the plan"):
        _native.blend(plan, s.features, torch.empty(3, 3, 3), torch.empty(3, 3), 1)
    with pytest.raises(ValueError, match="a row for every Gaussian"):
        _native.blend(plan, s.features[:5], torch.empty(16, 24, 3), torch.empty(16, 24), 1)
    with pytest.raises(ValueError, match="threads must be between"):
        _native.blend(plan, s.features, torch.empty(16, 24, 3), torch.empty(16, 24), 0)


def test_another_float_type_is_converted() -> None:
    s = cloud(10)
    features = s.features.half().requires_grad_()
    raster = rasterize(*s.geometry, features, s.camera, backend="native")
    raster.features.sum().backward()
    assert features.grad is not None
    assert features.grad.dtype == torch.float16
