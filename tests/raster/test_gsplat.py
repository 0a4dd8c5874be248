"""gsplat as a backend: its constants are those of the contract, and what is handed to it is what it expects.

gsplat's kernels need a card. Where there is none its own projection and lists in plain torch stand in for them, and its
blending, kernel by kernel line, is written here once more; so all but the kernels is tested on every machine.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

from splatseg.errors import BackendError
from splatseg.raster import gsplat as backend
from splatseg.raster.interface import (
    DEFAULT_SETTINGS,
    Growth,
    Plan,
    RasterSettings,
    accumulate,
    contributors,
    prepare,
    rasterize,
    rasterize_labels,
    rasterize_levels,
    rasterize_middle,
    rasterize_pixels,
    rasterize_plan,
    vote,
    vote_above,
)
from splatseg.raster.weights import Floors

gsplat = pytest.importorskip("gsplat")


def blend_tiles(
    means2d: Tensor,
    conics: Tensor,
    colors: Tensor,
    opacities: Tensor,
    width: int,
    height: int,
    tile: int,
    offsets: Tensor,
    ids: Tensor,
) -> tuple[Tensor, Tensor]:
    """Blend as gsplat's kernel does, tile by tile: the arguments of `gsplat.rasterize_to_pixels`, one picture."""
    assert means2d.shape == (1, colors.shape[1], 2) and opacities.shape == (1, colors.shape[1])
    starts = [*offsets[0].flatten().tolist(), len(ids)]
    rows = []
    for row in range(offsets.shape[1]):
        tiles = []
        for column in range(offsets.shape[2]):
            number = row * offsets.shape[2] + column
            here = ids[starts[number] : starts[number + 1]].long()
            y, x = torch.meshgrid(torch.arange(tile), torch.arange(tile), indexing="ij")
            places = torch.stack([x + column * tile, y + row * tile], -1).reshape(-1, 1, 2) + 0.5
            d = means2d[0, here][None] - places
            xx, xy, yy = conics[0, here].unbind(-1)
            sigma = 0.5 * (xx * d[..., 0] ** 2 + yy * d[..., 1] ** 2) + xy * d[..., 0] * d[..., 1]
            alpha = (opacities[0, here] * torch.exp(-sigma)).clamp(max=0.999)
            alpha = alpha.where((sigma >= 0) & (alpha >= 1 / 255), 0.0)
            after = torch.cumprod(1 - alpha, 1)
            before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], 1)
            weights = (alpha * before).where(after > 1e-4, 0.0)
            found = torch.cat([weights @ colors[0, here], weights.sum(1, keepdim=True)], 1)
            tiles.append(found.reshape(tile, tile, -1))
        rows.append(torch.cat(tiles, 1))
    picture = torch.cat(rows)[:height, :width]
    return picture[None, ..., :-1], picture[None, ..., -1:]


@pytest.fixture(params=["stand-in", "card"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Where the backend computes: on a card, or on the processor with a stand-in for gsplat's kernels."""
    if request.param == "card":
        if not torch.cuda.is_available():
            pytest.skip("there is no card")
        return torch.device("cuda")
    from gsplat.cuda import _torch_impl as plain

    def project(
        means: Tensor, covars: None, quats: Tensor, scales: Tensor, *rest: object, opacities: Tensor, **more: float
    ) -> tuple[Tensor, ...]:
        covars, _ = plain._quat_scale_to_covar_preci(quats, scales, compute_preci=False)
        radii, *others = plain._fully_fused_projection(means, covars, *rest, **more)
        # The plain form takes no opacities, which the kernel does: it draws nothing weaker than the least alpha.
        return (radii.where((opacities >= 1 / 255)[None, :, None], 0), *others)

    there = SimpleNamespace(
        fully_fused_projection=project,
        isect_tiles=plain._isect_tiles,
        isect_offset_encode=plain._isect_offset_encode,
        rasterize_to_pixels=blend_tiles,
    )
    for name, stand_in in (("isect_tiles", plain._isect_tiles), ("rasterize_to_pixels", blend_tiles)):
        asked, given = (list(inspect.signature(f).parameters) for f in (getattr(gsplat, name), stand_in))
        assert len(given) <= len(asked), f"{name} of the installed gsplat takes other arguments: {asked}"
    monkeypatch.setattr(backend, "_library", lambda _: there)
    return torch.device("cpu")


def plans(scene: Scene, device: torch.device) -> tuple[Plan, Plan]:
    """The scene prepared by gsplat and by the reference."""
    there = [t.to(device) for t in scene.geometry]
    exact = [t.double() for t in scene.geometry]
    return prepare(*there, scene.camera, backend="gsplat"), prepare(*exact, scene.camera, backend="reference")


def same(found: Tensor, expected: Tensor, tolerance: float = 2e-5) -> bool:
    return bool((found.cpu().double() - expected).norm() <= tolerance * expected.norm())


def header(name: str) -> str:
    assert gsplat.__file__
    return (Path(gsplat.__file__).parent / "cuda" / name).read_text(encoding="utf-8")


def test_the_cut_offs_of_the_contract_are_those_that_are_compiled_into_gsplat() -> None:
    assert re.search(r"#define ALPHA_THRESHOLD \(1\.f / 255\.f\)", header("include/Common.h"))
    assert DEFAULT_SETTINGS.alpha_min == 1 / 255
    for name in ("Fwd", "Bwd"):
        limits = re.findall(r"min\((0\.\d+)f, opac", header(f"csrc/RasterizeToPixels3DGS{name}.cu"))
        assert limits and {float(limit) for limit in limits} == {DEFAULT_SETTINGS.alpha_max}
    stops = re.findall(r"next_T <= (1e-\d)f", header("csrc/RasterizeToPixels3DGSFwd.cu"))
    assert [float(stop) for stop in stops] == [DEFAULT_SETTINGS.transmittance_min]
    margins = re.findall(r"lim_x_pos = .*? \+ (0\.\d+)f \* tan_fovx", header("include/Utils.cuh"))
    assert margins and {float(margin) for margin in margins} == {DEFAULT_SETTINGS.frustum_margin}
    for function in (gsplat.fully_fused_projection, gsplat.rasterization):
        parameters = inspect.signature(function).parameters
        assert parameters["eps2d"].default == DEFAULT_SETTINGS.eps2d
        assert parameters["near_plane"].default == DEFAULT_SETTINGS.near


@pytest.mark.parametrize("channels", [1, 3, 19])
def test_values_and_gradients_are_those_of_the_reference(device: torch.device, channels: int) -> None:
    scene = cloud(60, channels, seed=1, size=0.1, view=camera(53, 37, 40.0))
    weights = torch.randn(37, 53, channels + 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = []
    for name, where, dtype in (("gsplat", device, torch.float32), ("reference", torch.device("cpu"), torch.float64)):
        given = (*scene.geometry, scene.features, torch.zeros(60, 2))
        inputs = [t.detach().to(where, dtype).clone().requires_grad_() for t in given]
        growth = Growth(torch.zeros(60), torch.zeros(60, dtype=torch.int64))
        raster = rasterize(*inputs[:5], scene.camera, backend=name, means2d_offset=inputs[5], growth=growth)
        picture = torch.cat([raster.features, raster.alphas[..., None]], -1)
        grads = torch.autograd.grad((picture * weights.to(picture)).sum(), inputs)
        found.append([picture.detach(), *grads, growth.gradient_sum, growth.views])
        radii = raster.radii.cpu()
    for one, expected in zip(*found, strict=True):
        assert same(one, expected.double(), 5e-5)
    assert radii.dtype == torch.int32 and (radii > 0).any()


def test_pictures_and_sums_of_a_plan_are_those_of_the_reference(device: torch.device) -> None:
    scene = cloud(80, 40, seed=2, size=0.12, view=camera(40, 33, 30.0))
    there, exact = plans(scene, device)
    assert same(rasterize_plan(there, scene.features.to(device))[0], rasterize_plan(exact, scene.features.double())[0])
    values = torch.randn(33, 40, 40, generator=torch.Generator().manual_seed(1))
    assert same(accumulate(there, values.to(device)), accumulate(exact, values.double()))


def test_votes_through_the_gradient_of_features_are_those_of_the_reference(device: torch.device) -> None:
    scene = cloud(80, 1, seed=3, size=0.12, view=camera(40, 33, 30.0))
    labels = torch.randint(0, 46, (2, 33, 40), generator=torch.Generator().manual_seed(0)).int()
    there, exact = plans(scene, device)
    (found, totals), (expected, expected_totals) = vote(there, labels.to(device), 45), vote(exact, labels, 45)
    assert same(totals, expected_totals)
    strong = expected.weights > 1e-6
    assert (found.weights.cpu() > 1e-6).sum() == strong.sum() > 100
    assert same(found.weights[found.weights > 1e-6], expected.weights[strong])
    assert torch.equal(found.columns.cpu()[found.weights.cpu() > 1e-6], expected.columns[strong])
    floors = Floors(0.02, 0.05, ignored=7)
    (kept, of_all), (kept_exact, _) = (
        vote_above(there, labels.to(device), 45, floors),
        vote_above(exact, labels, 45, floors),
    )
    assert torch.equal(kept.rows.cpu(), kept_exact.rows) and torch.equal(kept.columns.cpu(), kept_exact.columns)
    assert (of_all <= totals).all()


def test_label_maps_and_levels_of_more_than_a_round_are_those_of_the_reference(device: torch.device) -> None:
    scene = cloud(120, 1, seed=4, size=0.15, view=camera(40, 33, 30.0))
    numbers = torch.randint(0, 71, (120,), generator=torch.Generator().manual_seed(0))
    there, exact = plans(scene, device)
    asked: tuple[Callable[[Plan, Tensor], Tensor], ...] = (
        lambda plan, given: rasterize_labels(plan, given, 70),
        lambda plan, given: rasterize_levels(plan, given.to(torch.uint8), 70, 0.4),
    )
    for operation in asked:
        found, expected = operation(there, numbers.to(device)).cpu(), operation(exact, numbers)
        assert (found != expected).float().mean() < 0.002 and len(expected.unique()) > 10


def test_gaussians_that_are_not_finite_change_nothing(device: torch.device) -> None:
    scene = cloud(40, 3, seed=5, size=0.1, view=camera(30, 20, 25.0))
    plain = prepare(*(t.to(device) for t in scene.geometry), scene.camera, backend="gsplat")
    expected = rasterize_plan(plain, scene.features.to(device))[0]
    spoiled = [torch.cat([t, t[:4]]).to(device) for t in (*scene.geometry, scene.features)]
    spoiled[0][40, 1], spoiled[1][41], spoiled[2][42, 0], spoiled[3][43] = torch.nan, 0.0, torch.inf, torch.nan
    inputs = [t.requires_grad_() for t in spoiled]
    raster = rasterize(*inputs, scene.camera, backend="gsplat")
    assert same(raster.features.detach(), expected.cpu().double())
    for gradient in torch.autograd.grad(raster.features.square().sum(), inputs):
        assert gradient.isfinite().all() and (gradient[40:] == 0).all()


def test_what_gsplat_does_not_tell_is_refused_by_name(device: torch.device) -> None:
    scene = cloud(10)
    plan = prepare(*(t.to(device) for t in scene.geometry), scene.camera, backend="gsplat")
    pixels = torch.zeros(1, 2, dtype=torch.int64)
    for operation in (
        lambda: contributors(plan, pixels),
        lambda: rasterize_pixels(plan, scene.features, pixels),
        lambda: rasterize_middle(plan, scene.opacities),
    ):
        with pytest.raises(BackendError, match=r"gsplat does not tell the weights of pixels, .*; use the backend warp"):
            operation()
    with pytest.raises(BackendError, match=r"gsplat has alpha_max 0\.999 built in and 0\.5 is asked"):
        prepare(*scene.geometry, scene.camera, RasterSettings(alpha_max=0.5), backend="gsplat")


def test_tensors_on_the_processor_are_refused() -> None:
    scene = cloud(10)
    with pytest.raises(BackendError, match="the backend gsplat computes on a card alone"):
        prepare(*scene.geometry, scene.camera, backend="gsplat")


def test_a_backend_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    scene = cloud(10)
    for name, packages in (("gsplat", "gsplat>=1.5.3"), ("warp", "splatseg[cuda]")):
        with pytest.raises(BackendError, match=re.escape(f'pip install "{packages}"')):
            prepare(*scene.geometry, scene.camera, backend=name)
