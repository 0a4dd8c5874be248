"""What is particular to the kernels for cards."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from scenes import camera, cloud

from splatseg.errors import BackendError
from splatseg.raster import interface, reference
from splatseg.raster.interface import RasterSettings, prepare, rasterize

pytestmark = pytest.mark.skipif(importlib.util.find_spec("warp") is None, reason="NVIDIA Warp is not installed")


@pytest.mark.parametrize(("kilobytes", "channels"), [(16, 1), (64, 8), (99, 20), (163, 32), (227, 32)])
def test_as_many_channels_at_once_as_fit_the_shared_memory_of_a_block(kilobytes: int, channels: int) -> None:
    from splatseg.raster.warp.walks import widest_within

    assert widest_within(1024 * kilobytes) == channels


@pytest.mark.parametrize("widest", [1, 8])
def test_fewer_channels_at_once_give_the_same_values_and_gradients(
    widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from splatseg.raster.warp import walks

    scene = cloud(60, 19, seed=1, size=0.1, view=camera(40, 30, 30.0))
    found = []
    for most in (32, widest):
        monkeypatch.setattr(walks, "widest_on", lambda _, most=most: most)
        inputs = [t.clone().requires_grad_() for t in (*scene.geometry, scene.features)]
        raster = rasterize(*inputs, scene.camera, backend="warp")
        loss = raster.features.square().sum() + raster.alphas.sum()
        found.append([raster.features, *torch.autograd.grad(loss, inputs)])
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() < 2e-5 * one.norm()  # of the whole tensor, as in test_agreement


@pytest.mark.parametrize("room", [8, 1])
def test_when_memory_ends_fewer_channels_are_taken_at_once(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from splatseg.raster.warp import walks

    scene = cloud(40, 19, seed=1, size=0.1, view=camera(30, 20, 25.0))
    plain, tried = walks.blend, []

    def blend(prepared: Any, features: torch.Tensor) -> Any:
        tried.append(features.shape[1])
        if features.shape[1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return plain(prepared, features)

    expected = rasterize(*scene.geometry, scene.features, scene.camera, backend="warp").features
    monkeypatch.setattr(walks, "blend", blend)
    found = rasterize(*scene.geometry, scene.features, scene.camera, backend="warp").features
    assert torch.equal(found, expected)
    assert tried[0] == 20 and tried[-1] <= room


def test_no_memory_for_one_channel_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from splatseg.raster.warp import walks

    def blend(prepared: Any, features: torch.Tensor) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    scene = cloud(40, 3)
    monkeypatch.setattr(walks, "blend", blend)
    with pytest.raises(
        BackendError, match=r"no memory on cpu for 40 Gaussians in an image of 24x16 pixels .*--device cpu"
    ):
        rasterize(*scene.geometry, scene.features, scene.camera, backend="warp")


@pytest.mark.parametrize("size", [0.02, 0.3, 3.0])
def test_a_tile_has_all_gaussians_that_contribute_to_it_and_few_others(size: float) -> None:
    scene = cloud(300, 1, seed=8, size=size, view=camera(150, 120, 100.0))
    prepared = prepare(*scene.geometry, scene.camera, backend="warp").state
    listed = {
        (tile, owner)
        for tile in range(prepared.tiles)
        for owner in prepared.owners[prepared.starts[tile] : prepared.starts[tile + 1]].tolist()
    }
    projected = reference.project(*(t.double() for t in scene.geometry), scene.camera, RasterSettings())
    y, x = torch.meshgrid(torch.arange(120) + 0.5, torch.arange(150) + 0.5, indexing="ij")
    reached = set()
    for owner in projected.drawn.nonzero()[:, 0].tolist():
        dx, dy = x - projected.means2d[owner, 0], y - projected.means2d[owner, 1]
        xx, xy, yy = projected.conics[owner]
        alpha = projected.opacities[owner] * torch.exp(-0.5 * (xx * dx * dx + yy * dy * dy) - xy * dx * dy)
        rows, columns = (alpha >= RasterSettings().alpha_min).nonzero().T // 16
        reached |= {(tile, owner) for tile in (rows * prepared.view.tiles_x + columns).unique().tolist()}
    assert reached <= listed
    assert len(listed) <= 1.1 * len(reached) + 20


def test_a_pass_repeats_itself_to_the_bit() -> None:
    scene = cloud(400, 5, seed=3, size=0.1, view=camera(60, 50, 40.0))
    found = []
    for _ in range(2):
        inputs = [t.clone().requires_grad_() for t in (*scene.geometry, scene.features)]
        raster = rasterize(*inputs, scene.camera, backend="warp")
        found.append([raster.features, *torch.autograd.grad(raster.features.square().sum(), inputs)])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_without_warp_its_backend_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface.importlib.util, "find_spec", lambda _: None)
    scene = cloud(3)
    with pytest.raises(BackendError, match=r'install it with: pip install "splatseg\[cuda\]"'):
        prepare(*scene.geometry, scene.camera, backend="warp")
    assert interface.available_backends() == ["native", "reference"]


def test_the_processor_needs_no_warp() -> None:
    code = "import sys, splatseg; splatseg.rasterize; import splatseg.train.fit; print('warp' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_tiles_of_eight_pixels_agree_with_the_reference_too() -> None:
    here = Path(__file__).parent
    chosen = [here / f"test_{name}.py" for name in ("agreement", "votes", "label_map", "pixels")]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-n0", "-k", "warp", *chosen],
        env=os.environ | {"SPLATSEG_WARP_TILE": "8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 50


@pytest.mark.slow
@pytest.mark.parametrize("capability", [75, 90])
def test_every_kernel_compiles_for_cards_and_fits_their_blocks(capability: int, tmp_path: Path) -> None:
    # The compiler needs no card: what a card would compile at its first use is compiled here.
    import warp as wp

    from splatseg.raster.warp import walks
    from splatseg.raster.warp.kernels import gradient, projection, sparse, summing, voting, walking

    def compiled(kernel: Any) -> int:
        """Compile a kernel, and return the shared memory, bytes, that its blocks take."""
        wp.compile_aot_module(kernel.module, arch=capability, module_dir=tmp_path, use_ptx=False)
        facts = {key: size for path in tmp_path.glob("*.meta") for key, size in json.loads(path.read_text()).items()}
        for path in tmp_path.iterdir():
            path.unlink()
        return max(size for key, size in facts.items() if key.endswith("forward_smem_bytes"))

    pair = walking.float_vector(2)
    walkers = [
        (walking.add_from_level, wp.int32, pair),
        (walking.add_to_label, wp.int32, walking.float_vector(walking.LABELS_AT_ONCE + 1)),
        (walking.add_between, wp.float32, pair),
    ]
    for kernel in (projection.project, voting.count_labels, voting.add_up, sparse.weigh):
        assert compiled(kernel) <= 48 << 10
    for arguments in walkers:
        assert compiled(walking.walker(*arguments)) <= 48 << 10
    for width in walks.WIDTHS:
        kind = walking.float_vector(width)
        within = walks.shared_bytes(width)
        assert compiled(walking.walker(walking.add, kind, kind)) <= within
        assert compiled(summing.spreader(width)) <= within
        assert compiled(summing.gatherer(width)) == compiled(sparse.multiplier(width)) == 0
        assert within - 1024 <= compiled(gradient.differentiator(width)) <= within
