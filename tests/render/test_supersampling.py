"""Anti-aliased masks: the same decision at many places of a pixel, nothing shifted, nothing counted twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import camera, cloud

from splatseg.errors import RunError
from splatseg.render.label_maps import label_map, segment_coverages, selection_coverage, selection_mask
from splatseg.render.supersampling import most_frequent, sample_cameras, sample_offsets
from splatseg.splats.splats import Splats

FOCAL, DEPTH, WIDTH, HEIGHT = 20.0, 2.0, 24, 16


def splats_of(seed: int = 0, segments: int = 5) -> Splats:
    scene = cloud(80, seed=seed, size=0.15)
    generator = torch.Generator().manual_seed(seed)
    return Splats(
        scene.means,
        scene.quats,
        scene.scales.log(),
        torch.logit(scene.opacities.clamp(1e-4, 1 - 1e-4)),
        scene.features,
        scene.means.new_zeros(80, 0, 3),
        segment_ids=torch.randint(0, segments + 1, (80,), generator=generator, dtype=torch.int32),
    )


def strip(centre: float, half_width: float, angle: float) -> Splats:
    """One endless opaque Gaussian whose alpha is 1/2 at `half_width` px on both sides of a line through the picture.

    The line is `centre` px right of the middle, then turned by `angle` about the middle. alpha = o exp(-d^2 / 2 v)
    with v = (focal * scale / depth)^2 + 0.3, so d = sqrt(2 v ln 2 o).
    """
    opacity = 0.99
    variance = half_width**2 / (2 * math.log(2 * opacity))
    scale = math.sqrt(variance - 0.3) * DEPTH / FOCAL
    direction = np.array([math.cos(angle), math.sin(angle)])
    x, y = centre * direction * DEPTH / FOCAL
    return Splats(
        torch.tensor([[x, y, DEPTH]], dtype=torch.float32),
        torch.tensor([[math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)]], dtype=torch.float32),
        torch.tensor([[scale, 50.0, 1e-4]], dtype=torch.float32).log(),
        torch.logit(torch.tensor([opacity])),
        torch.zeros(1, 3),
        torch.zeros(1, 0, 3),
        segment_ids=torch.tensor([7], dtype=torch.int32),
    )


def covered_by_strip(centre: float, half_width: float, angle: float, fine: int = 64) -> np.ndarray:
    """The same strip, its share of each pixel counted on a fine grid (exact to about 1 / fine^1.5)."""
    steps = (np.arange(fine) + 0.5) / fine
    xs = (np.arange(WIDTH)[:, None] + steps).ravel() - WIDTH / 2
    ys = (np.arange(HEIGHT)[:, None] + steps).ravel() - HEIGHT / 2
    distance = math.cos(angle) * xs[None] + math.sin(angle) * ys[:, None] - centre
    inside = np.abs(distance) < half_width
    return inside.reshape(HEIGHT, fine, WIDTH, fine).mean((1, 3))


@pytest.mark.parametrize("supersample", [1, 2, 3, 4, 7])
def test_no_two_samples_share_a_row_or_a_column_and_their_mean_is_the_centre(supersample: int) -> None:
    offsets = sample_offsets(supersample)
    assert offsets.shape == (supersample**2, 2)
    assert np.abs(offsets).max() < 0.5 or supersample == 1
    assert np.allclose(offsets.mean(0), 0.0, atol=1e-12)
    for axis in (0, 1):
        steps = (offsets[:, axis] + 0.5) * supersample**2 - 0.5
        assert np.allclose(np.sort(steps), np.arange(supersample**2))


def test_the_cameras_of_samples_see_what_lies_there() -> None:
    view, points = camera(), np.array([[0.1, -0.2, 2.0]])
    for (x, y), sample in zip(sample_offsets(3), sample_cameras(view, 3), strict=True):
        np.testing.assert_allclose(sample.project(points)[0] + (x, y), view.project(points)[0])


def test_less_than_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="supersample must be 1 or more, got 0"):
        selection_coverage(splats_of(), camera(), np.ones(80, bool), 0)


def test_one_sample_gives_the_mask_and_the_label_map_themselves() -> None:
    splats = splats_of()
    for segment_id in (1, 2):
        members = splats.segment_ids == segment_id
        mask = selection_mask(splats, camera(), members)
        assert np.array_equal(selection_coverage(splats, camera(), members, 1), mask.astype(np.float32))
        labels = label_map(splats, camera())
        assert np.array_equal(
            dict(segment_coverages(splats, camera(), [segment_id], 1))[segment_id], labels == segment_id
        )
        assert np.array_equal(label_map(splats, camera(), 1), labels)


@pytest.mark.parametrize("supersample", [1, 2, 3, 4])
def test_all_segments_and_none_cover_every_pixel_once(supersample: int) -> None:
    coverages = dict(segment_coverages(splats_of(), camera(), range(6), supersample))
    np.testing.assert_allclose(sum(coverages.values()), 1.0, atol=1e-6)
    assert all(coverage.dtype == np.float32 and coverage.min() >= 0 for coverage in coverages.values())


@given(seed=st.integers(0, 10_000), supersample=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_a_larger_selection_covers_no_pixel_less(seed: int, supersample: int) -> None:
    splats, rng = splats_of(seed), np.random.default_rng(seed)
    larger = rng.random(80) < 0.6
    smaller = larger & (rng.random(80) < 0.7)
    less, more = (selection_coverage(splats, camera(), members, supersample) for members in (smaller, larger))
    assert (less <= more).all()


@given(
    centre=st.floats(-5, 5),
    half_width=st.floats(1.5, 4.0),
    upright=st.booleans(),
    supersample=st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_an_upright_or_level_edge_is_exact_to_half_a_step(
    centre: float, half_width: float, upright: bool, supersample: int
) -> None:
    splats = strip(centre, half_width, 0.0 if upright else math.pi / 2)
    pixels = np.arange(WIDTH if upright else HEIGHT) - (WIDTH if upright else HEIGHT) / 2
    low, high = centre - half_width, centre + half_width
    exact = np.clip(np.minimum(pixels + 1, high) - np.maximum(pixels, low), 0, 1)
    exact = np.broadcast_to(exact, (HEIGHT, WIDTH)) if upright else np.broadcast_to(exact[:, None], (HEIGHT, WIDTH))
    drawn = selection_coverage(splats, camera(), np.array([True]), supersample)
    # Half a step, and what float32 makes of the place of an edge. Both edges may lie in one pixel only if it is thin.
    assert np.abs(drawn - exact).max() <= 0.5 / supersample**2 + 2e-3
    assert np.array_equal(dict(segment_coverages(splats, camera(), [7], supersample))[7], drawn)


@given(centre=st.floats(-5, 5), half_width=st.floats(1.5, 4.0), angle=st.floats(0, math.pi), odd=st.booleans())
@settings(max_examples=25, deadline=None)
def test_an_edge_in_any_direction_is_close_and_nothing_is_shifted(
    centre: float, half_width: float, angle: float, odd: bool
) -> None:
    supersample = 5 if odd else 4
    error = selection_coverage(strip(centre, half_width, angle), camera(), np.array([True]), supersample)
    error = error - covered_by_strip(centre, half_width, angle)
    assert np.abs(error).max() < 0.6 / supersample
    assert np.abs(error.mean(0)).max() < 0.1 and abs(error.mean()) < 0.01


def test_more_samples_come_closer_to_the_truth() -> None:
    exact = covered_by_strip(0.3, 2.2, 0.5)
    members = np.array([True])
    errors = [
        np.abs(selection_coverage(strip(0.3, 2.2, 0.5), camera(), members, supersample) - exact).mean()
        for supersample in (1, 2, 4, 8)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < errors[0] / 4


def test_a_pixel_takes_the_id_most_samples_have_and_none_wins_a_tie() -> None:
    samples = np.array([[5, 5, 9, 9], [5, 2, 9, 0], [5, 2, 0, 0], [5, 1, 0, 9]])[:, None]
    assert most_frequent(samples).tolist() == [[5, 2, 0, 0]]


@given(st.integers(1, 9), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_most_frequent_id_is_the_one_counting_finds(count: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(0, 4, (count, 3, 5)).astype(np.int32)
    counted = np.stack([(samples == value).sum(0) for value in range(4)])
    chosen = most_frequent(samples)
    assert chosen.dtype == np.int32
    assert np.array_equal(chosen, counted.argmax(0))


def test_coverage_without_segments_says_how_to_make_them() -> None:
    with pytest.raises(RunError, match="make them with `splatseg segment RUN`"):
        dict(segment_coverages(splats_of().replace(segment_ids=None), camera(), [1]))
