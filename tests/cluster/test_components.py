"""Connected components in space."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

import splatseg._native as native
from splatseg.cluster.components import GAP_FACTOR, NEIGHBOURS, REACH_FACTOR, drop_small_pieces, spatial_components


def two_lumps(far: float = 10.0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(500, 3)) * 0.3
    means[400:, 0] += far
    return scale * means, np.full(500, scale * 0.02)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_lumps_apart_are_two_components_at_any_scale_of_the_world(scale):
    component = spatial_components(*two_lumps(scale=scale))
    large = np.bincount(component)[:2]
    assert large[0] > 380 and large[1] > 90
    assert component[0] == 0 and component[-1] == 1


def test_lumps_that_touch_are_one():
    assert (spatial_components(*two_lumps(far=0.5)) == 0).mean() > 0.98


def test_large_gaussians_hold_together_over_gaps_that_part_small_ones():
    means = np.concatenate([np.random.default_rng(0).normal(size=(200, 3)) * 0.01, [[1.0, 0, 0], [1.6, 0, 0]]])
    small = np.full(202, 0.001)
    large = small.copy()
    large[-2:] = 0.5
    assert spatial_components(means, small)[-1] != 0
    assert (spatial_components(means, large) == 0).all()


def test_the_order_of_gaussians_changes_no_component():
    means, reach = two_lumps()
    order = np.random.default_rng(1).permutation(len(means))
    a, b = spatial_components(means, reach)[order], spatial_components(means[order], reach[order])
    assert ((a[:, None] == a[None]) == (b[:, None] == b[None])).all()


def test_small_pieces_are_dropped_and_large_ones_stay():
    means, reach = two_lumps()
    members = np.ones(500, dtype=bool)
    members[:100] = False
    stray = np.array([[50.0, 0.0, 0.0]])
    kept = drop_small_pieces(np.append(members, True), np.concatenate([means, stray]), np.append(reach, 0.02))
    assert kept[100:400].mean() > 0.95 and kept[400:500].mean() > 0.9 and not kept[-1] and not kept[:100].any()


def test_nothing_one_and_a_place_that_is_not_finite_are_no_trouble():
    assert len(spatial_components(np.zeros((0, 3)), np.zeros(0))) == 0
    np.testing.assert_array_equal(spatial_components(np.zeros((1, 3)), np.zeros(1)), [0])
    means = np.zeros((4, 3))
    means[2] = np.nan
    np.testing.assert_array_equal(spatial_components(means, np.ones(4)), [0, 0, 1, 0])
    assert not drop_small_pieces(np.zeros(4, dtype=bool), means, np.ones(4)).any()


def components_by_definition(means: np.ndarray, reach: np.ndarray) -> np.ndarray:
    near = min(NEIGHBOURS, len(means) - 1)
    distances, found = (found[:, 1:] for found in cKDTree(means.astype(np.float64)).query(means, k=near + 1))
    usual = GAP_FACTOR * np.median(distances)
    touching = distances <= np.maximum(usual, REACH_FACTOR * (reach[:, None] + reach[found]))
    rows = np.repeat(np.arange(len(means)), near)[touching.ravel()]
    edges = sparse.csr_array((np.ones(len(rows)), (rows, found[touching])), shape=(len(means), len(means)))
    return connected_components(edges, directed=False)[1]


@pytest.mark.parametrize("level", native.simd_levels())
@pytest.mark.parametrize("count", [2, 3, 15, 17, 300, 5000])
def test_components_are_those_of_the_definition(level, count):
    rng = np.random.default_rng(count)
    centres = rng.normal(size=(9, 3)) * 4
    means = centres[rng.integers(0, 9, count)] + rng.normal(size=(count, 3)) * rng.choice([0.05, 0.5], (count, 1))
    means[: count // 20] *= 100  # floaters
    means, reach = means.astype(np.float32), rng.random(count).astype(np.float32) * 0.1
    chosen = native.simd_level()
    try:
        native.use_simd_level(level)
        found = spatial_components(means, reach)
    finally:
        native.use_simd_level(chosen)
    expected = components_by_definition(means, reach)
    names = np.unique(np.stack([found, expected]), axis=1)
    assert names.shape[1] == found.max() + 1 == expected.max() + 1  # the same parts under other names


def test_components_do_not_depend_on_threads():
    rng, threads, results = np.random.default_rng(1), torch.get_num_threads(), []
    means = rng.normal(size=(9000, 3)).astype(np.float32) ** 3
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            results.append(spatial_components(means, np.full(9000, 1e-3, np.float32)))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(*results)
