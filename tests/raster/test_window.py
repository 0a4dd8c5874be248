"""A window of a view, prepared alone, has the weights of the whole view, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_scenes import random_camera, random_splats

from splatseg.cameras.camera import Camera
from splatseg.raster import sight
from splatseg.raster.interface import DEFAULT_SETTINGS, contributors, prepare, rasterize_pixels
from splatseg.raster.sight import Groups, out_of_sight, rows_in_sight
from splatseg.raster.window import TILE, Window, prepare_window
from splatseg.splats.splats import Splats

COUNT = 2000


@pytest.mark.parametrize("seed", range(30))
def test_pixels_of_a_window_have_the_weights_of_the_whole_view(seed: int) -> None:
    rng = np.random.default_rng(seed)
    splats, camera = random_splats(rng, COUNT), random_camera(rng).scaled(float(rng.uniform(1.0, 5.0)))
    geometry, features = splats.geometry, torch.from_numpy(rng.normal(size=(COUNT, 5)).astype(np.float32))
    plan = prepare(*geometry, camera)
    for _ in range(4):
        x, y, around = int(rng.integers(camera.width)), int(rng.integers(camera.height)), int(rng.integers(3))
        groups = Groups.of(splats.positions, splats.reach) if around else None
        window = prepare_window(*geometry, splats.reach, camera, (x, y), around, groups)
        assert window.holds((x, y), around) and window.rows is not None
        xs = np.arange(max(window.left, 0), min(window.right, camera.width))
        ys = np.arange(max(window.top, 0), min(window.bottom, camera.height))
        pixels = torch.from_numpy(np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2))
        found, expected = window.contributors(pixels), contributors(plan, pixels)
        assert found.width == expected.width == COUNT
        assert torch.equal(found.indptr, expected.indptr)
        assert torch.equal(found.columns, expected.columns) and torch.equal(found.weights, expected.weights)
        assert torch.equal(window.blend(features, pixels), rasterize_pixels(plan, features, pixels))


def test_a_window_leaves_out_most_of_what_lies_beside_it() -> None:
    shares = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        splats, camera = random_splats(rng, COUNT), random_camera(rng).scaled(8.0)
        rows = prepare_window(*splats.geometry, splats.reach, camera, (40, 40)).rows
        assert rows is not None
        shares.append(len(rows) / COUNT)
    assert np.median(shares) < 0.2


@pytest.mark.parametrize("seed", range(20))
def test_one_pass_over_all_keeps_what_the_boxes_of_single_gaussians_keep(seed: int) -> None:
    """And hardly more, for the slack of its float32."""
    rng = np.random.default_rng(seed)
    splats, camera = random_splats(rng, COUNT), random_camera(rng)
    good = np.flatnonzero(np.isfinite(splats.positions).all(1) & np.isfinite(splats.reach))
    means, reaches = splats.positions[good], splats.reach[good]
    window = (3.0, 5.0, 9.0, 19.0)
    seen = ~out_of_sight(means[:, None].astype(np.float64).repeat(2, 1), reaches, camera, window=window)
    found = np.isin(good, rows_in_sight(splats.means, splats.reach, camera, window))
    assert seen.any() and not (seen & ~found).any()
    assert (found & ~seen).sum() <= 0.01 * COUNT


@pytest.mark.parametrize("seed", range(20))
def test_groups_of_rows_out_of_sight_are_passed_over_and_nothing_else_changes(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sight, "GROUP", 40)
    rng = np.random.default_rng(seed)
    splats, camera = random_splats(rng, COUNT - 3), random_camera(rng)
    splats.means[7, 1], splats.means[50, 0] = torch.inf, -torch.inf
    groups, window = Groups.of(splats.positions, splats.reach), (3.0, 5.0, 9.0, 19.0)
    assert len(groups.reaches) == COUNT // 40
    drawn = set(_drawn_rows(splats, rows_in_sight(splats.means, splats.reach, camera, window)))
    some = rows_in_sight(splats.means, splats.reach, camera, window, groups)
    assert set(_drawn_rows(splats, some)) == drawn and (np.diff(some) > 0).all()


def _drawn_rows(splats: Splats, rows: np.ndarray) -> list[int]:
    good = np.isfinite(splats.positions).all(1) & np.isfinite(splats.reach)
    return [row for row in rows.tolist() if good[row]]


def test_of_a_sorted_splat_most_groups_are_passed_over() -> None:
    means = np.stack(np.meshgrid(*[np.linspace(-1, 1, 40)] * 3, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)
    camera = Camera(np.eye(4) + np.eye(4, k=1) * [[0], [0], [3.0], [0]], np.diag([300.0, 300, 1]), 300, 300)
    groups = Groups.of(means, np.full(len(means), 0.001, np.float32))
    taken = groups.ranges(camera, (0.0, 0.0, 32.0, 32.0), DEFAULT_SETTINGS)
    assert 0 < sum(rows.stop - rows.start for rows in taken) < 0.6 * len(means)


def test_a_window_is_of_whole_tiles_and_knows_its_pixels() -> None:
    rng = np.random.default_rng(1)
    splats, camera = random_splats(rng, 50), random_camera(rng).resized(200, 100)
    window = prepare_window(*splats.geometry, splats.reach, camera, (TILE, TILE), 1)
    assert (window.left, window.top, window.right, window.bottom) == (0, 0, 2 * TILE, 2 * TILE)
    assert window.holds((0, 0), 5) and not window.holds((2 * TILE - 3, 4), 5)
    corner = prepare_window(*splats.geometry, splats.reach, camera, (199, 99), 2)
    assert corner.holds((199, 99), 2) and not corner.holds((191, 99), 0)
    whole = Window.of(prepare(*splats.geometry, camera))
    assert whole.holds((0, 0), 9) and whole.holds((199, 99), 9) and whole.rows is None


def test_no_gaussians_at_all_are_an_empty_window() -> None:
    rng = np.random.default_rng(0)
    splats, camera = random_splats(rng, 0), random_camera(rng)
    window = prepare_window(*splats.geometry, splats.reach, camera, (1, 1), 2)
    assert len(window.contributors(torch.tensor([[1, 1]])).columns) == 0
