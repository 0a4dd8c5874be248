"""Levels of detail: a picture of merged Gaussians is nearly that of all, and what Gaussians carry is carried on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import camera as looking
from torch import Tensor

from splatseg import _native
from splatseg.cameras.camera import Camera
from splatseg.levels.build import BLOCK, StoppedError, build_levels
from splatseg.levels.levels import Geometry, Levels, rows_of
from splatseg.levels.reduced import Reduced
from splatseg.raster.interface import prepare, rasterize_plan
from splatseg.splats.activations import to_log_scales, to_opacity_logits
from splatseg.splats.splats import Splats

CAMERA = looking(width=96, height=64, focal=80.0)


def wall(count: int = 40_000, depth: float = 4.0, seed: int = 0) -> tuple[Geometry, Tensor]:
    """Small flat Gaussians on a wavy wall before the camera, with colours that change slowly along it."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-1.5, 1.5, count), rng.uniform(-1.0, 1.0, count)
    means = np.stack([x, y, depth + 0.1 * np.sin(3 * x)], 1)
    quats = np.tile([1.0, 0, 0, 0], (count, 1)) + 0.1 * rng.normal(size=(count, 4))
    scales = np.array([0.012, 0.012, 0.002]) * rng.lognormal(0, 0.3, (count, 1))
    colors = 0.5 + 0.4 * np.stack([np.sin(4 * x), np.cos(5 * y), np.sin(3 * x * y)], 1)
    numbers = (means, quats, scales, rng.uniform(0.2, 0.9, count))
    means, quats, scales, opacities = (torch.from_numpy(each).float() for each in numbers)
    return (means, quats, scales, opacities), torch.from_numpy(colors).float()


def drawn(geometry: Geometry, values: Tensor, camera: Camera = CAMERA) -> tuple[Tensor, Tensor]:
    return rasterize_plan(prepare(*geometry, camera), values)


def drawn_of(levels: Levels, values: Tensor, camera: Camera = CAMERA, most: float = 1.0) -> tuple[Tensor, Tensor, int]:
    cut = levels.cut(camera, most)
    means, quats, scales, opacities = (cut.pick(part) for part in levels.geometry)
    return *drawn((means, quats, scales, opacities), cut.pick(levels.carried(values)), camera), cut.count


def psnr(one: Tensor, other: Tensor) -> float:
    return float(-10 * torch.log10(((one - other) ** 2).mean()))


def test_a_picture_of_far_fewer_gaussians_is_nearly_the_same() -> None:
    geometry, colors = wall()
    levels = build_levels(*geometry)
    full, alphas = drawn(geometry, colors)
    picture, merged_alphas, count = drawn_of(levels, colors)
    assert count < 0.5 * len(colors)
    assert psnr(full, picture) > 35
    assert abs(float((merged_alphas - alphas).mean())) < 0.01, "as much light goes through"
    coarse, _, fewer = drawn_of(levels, colors, most=2.0)
    assert fewer < 0.5 * count and 28 < psnr(full, coarse) < psnr(full, picture)


def test_from_near_all_gaussians_are_drawn_themselves() -> None:
    geometry, colors = wall(3000)
    levels = build_levels(*geometry)
    near = looking(width=1600, height=1200, focal=1300.0)
    cut = levels.cut(near)
    assert cut.count == 3000 and (cut.ranges < len(levels.order)).any()
    picked = cut.pick(levels.carried(colors))
    torch.testing.assert_close(picked, colors[torch.from_numpy(levels.order).long()], rtol=0, atol=0)


def test_levels_together_have_fewer_rows_than_the_splat() -> None:
    geometry, _ = wall()
    levels = build_levels(*geometry)
    sizes = (levels.ends - levels.begins).sum(0)
    assert sizes[0] == 40_000 and sizes[-1] == len(levels.boxes), "the coarsest level is one row a block"
    assert (np.diff(sizes) <= 0).all() and len(levels.geometry[0]) < 2 * 40_000


def test_blocks_out_of_sight_are_left_out_and_no_pixel_misses_them() -> None:
    geometry, colors = wall()
    levels = build_levels(*geometry)
    aside = Camera(CAMERA.viewmat, CAMERA.K * [[1, 1, -0.2], [1, 1, 1], [1, 1, 1]], CAMERA.width, CAMERA.height)
    cut = levels.cut(aside, 1e-9)
    assert 0 < cut.count < 40_000 and (cut.choice == -1).any()
    rows = torch.from_numpy(levels.order[rows_of(cut.ranges[:, 0], cut.ranges[:, 1])]).long()
    means, quats, scales, opacities = (part[rows] for part in geometry)
    full, alphas = drawn(geometry, colors, aside)
    some, some_alphas = drawn((means, quats, scales, opacities), colors[rows], aside)
    # Gaussians of equal depth are in another order.
    torch.testing.assert_close(some, full, rtol=0, atol=1e-3)
    torch.testing.assert_close(some_alphas, alphas, rtol=0, atol=1e-3)
    behind = np.diag([1.0, -1.0, -1.0, 1.0])
    assert levels.cut(Camera(behind, CAMERA.K, CAMERA.width, CAMERA.height)).count == 0


def test_a_merged_gaussian_carries_the_mean_and_the_heaviest_label_of_its_parts() -> None:
    geometry, colors = wall()
    levels = build_levels(*geometry)
    ones = levels.carried(torch.ones(40_000))
    torch.testing.assert_close(ones, torch.ones_like(ones), rtol=0, atol=1e-5)
    left = geometry[0][:, 0] < 0
    assert torch.equal(levels.carried_flags(left.numpy()), levels.carried(left.float()))
    share, labels = levels.carried(left.float()).numpy(), levels.carried_labels(np.where(left, 7, 3))
    assert set(np.unique(labels)) == {3, 7}
    clear = (share < 0.3) | (share > 0.7)
    assert clear.mean() > 0.9
    assert (np.where(share > 0.5, 7, 3) == labels)[clear].all()
    merged = levels.merged(colors)
    torch.testing.assert_close(merged, levels.carried(colors)[len(levels.order) :], rtol=0, atol=0)


def test_mean_covariance_and_light_of_a_pair_are_kept() -> None:
    means = torch.tensor([[0.0, 0, 0], [0.1, 0, 0]])
    quats, scales = torch.tensor([[1.0, 0, 0, 0]] * 2), torch.full((2, 3), 0.05)
    out = [np.empty((1, k), np.float32) for k in (3, 4, 3)] + [np.empty(1, np.float32)]
    shares = np.empty(2, np.float32)
    rows, starts = np.array([0, 1], np.int32), np.array([0, 2])
    parts = (means.numpy(), quats.numpy(), scales.numpy(), np.array([0.3, 0.3], np.float32))
    _native.merge_gaussians(parts, rows, starts, 0.0, tuple(out), shares, 1)
    np.testing.assert_allclose(out[0], [[0.05, 0, 0]], atol=1e-7)
    np.testing.assert_allclose(np.sort(out[2][0]), [0.05, 0.05, np.hypot(0.05, 0.05)], rtol=1e-5)
    np.testing.assert_allclose(shares, [0.5, 0.5])
    # Seen from the side that both look the same from, the light that is taken away in all is nearly that of the parts.
    camera = Camera(np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [-1, 0, 0, 2.0], [0, 0, 0, 1]]), CAMERA.K, 96, 64)
    views = [camera, Camera(np.diag([1.0, 1, 1, 1]) + np.eye(4, k=1) * [[0], [0], [2.0], [0]], CAMERA.K, 96, 64)]
    taken = []
    for view in views:
        both = drawn(tuple(torch.from_numpy(part) for part in parts), means, view)[1]
        one = drawn(tuple(torch.from_numpy(part) for part in out), means[:1], view)[1]
        taken.append([float(-torch.log1p(-image.clamp(max=0.999)).sum()) for image in (both, one)])
    (across, across_one), (along, along_one) = taken
    assert abs(across_one + along_one - across - along) < 0.15 * (across + along)


def test_what_no_picture_shows_is_left_out_and_an_empty_splat_has_no_rows() -> None:
    geometry, colors = wall(200)
    means, quats, scales, opacities = (part.clone() for part in geometry)
    means[0], quats[1], scales[2], opacities[3] = np.nan, 0.0, np.inf, 0.001
    levels = build_levels(means, quats, scales, opacities)
    assert len(levels.order) == 196 and not set(levels.order.tolist()) & {0, 1, 2, 3}
    none = build_levels(*(part[:0] for part in geometry))
    cut = none.cut(CAMERA)
    assert cut.count == 0 and cut.pick(none.carried(colors[:0])).shape == (0, 3)


def test_the_bits_are_the_same_for_any_number_of_threads() -> None:
    geometry, colors = wall()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            levels = build_levels(*geometry)
            found.append([*levels.geometry, levels.carried(colors), torch.from_numpy(levels.begins)])
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_building_can_be_stopped() -> None:
    geometry, _ = wall(2 * BLOCK)
    with pytest.raises(StoppedError):
        build_levels(*geometry, stopped=lambda: True)


def test_a_reduced_splat_has_all_that_the_splat_has_in_fewer_gaussians() -> None:
    (means, quats, scales, opacities), colors = wall()
    splats = Splats(
        means=means,
        quats=quats,
        log_scales=to_log_scales(scales),
        opacity_logits=to_opacity_logits(opacities),
        sh0=colors,
        shN=torch.zeros(len(means), 3, 3),
        features=colors[:, :2].contiguous(),
        segment_ids=(means[:, 0] > 0).int(),
    )
    reduced = Reduced(splats)
    seen = reduced(CAMERA)
    assert len(seen) < 0.5 * len(splats)
    assert seen.features is not None and seen.segment_ids is not None and seen.shN.shape[1:] == (3, 3)
    torch.testing.assert_close(seen.features, seen.sh0[:, :2], rtol=0, atol=1e-6)
    assert ((seen.means[:, 0] > 0).int() == seen.segment_ids).float().mean() > 0.98
    near = looking(width=4000, height=3000, focal=3300.0)
    assert reduced(near) is splats, "as many Gaussians are no reason to copy them"
