"""A splat moved into another world looks the same to a camera that moves with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.render.rgb import render_rgb
from splatseg.splats.half_turn import half_turn
from splatseg.splats.similarity import Similarity
from splatseg.splats.splats import Splats


def _splats(degree: int, count: int = 40) -> Splats:
    generator = torch.Generator().manual_seed(degree)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    coefficients = (degree + 1) ** 2 - 1
    return Splats(
        draw(count, 3) * 0.4, draw(count, 4), draw(count, 3) * 0.3 - 2.0, draw(count), draw(count, 3) * 0.5,
        draw(count, coefficients, 3) * 0.2,
    )  # fmt: skip


def _similarity(seed: int) -> Similarity:
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(random_state=seed).as_matrix()
    return Similarity(rotation, rng.normal(size=3) * 5, float(rng.uniform(0.1, 8)))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_moved_splat_looks_the_same_to_a_camera_that_moved_with_it(degree: int) -> None:
    splats, move = _splats(degree), _similarity(degree + 1)
    camera = Camera.placed(np.eye(3), np.array([0.1, 0.0, -3.0]), centred_lens(60.0, 48, 40), 48, 40)
    moved = Camera.placed(move.rotation, move.points(camera.position[None])[0], camera.K, 48, 40)
    before, after = render_rgb(splats, camera), render_rgb(move.splats(splats), moved)
    assert before.max() > 0.3
    np.testing.assert_allclose(after.numpy(), before.numpy(), atol=2e-4)


def test_half_a_turn_is_the_exact_one() -> None:
    splats = _splats(3)
    turned, exact = Similarity(np.diag([1.0, -1.0, -1.0]), np.zeros(3)).splats(splats), half_turn(splats, 0)
    np.testing.assert_allclose(turned.means, exact.means, atol=1e-6)
    np.testing.assert_allclose(turned.shN, exact.shN, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_inverse_maps_back_and_maps_follow_one_another(one: int, other: int) -> None:
    first, second = _similarity(one), _similarity(other)
    points = np.random.default_rng(one).normal(size=(20, 3))
    np.testing.assert_allclose(first.inverse().points(first.points(points)), points, atol=1e-8)
    np.testing.assert_allclose(second.after(first).points(points), second.points(first.points(points)), atol=1e-8)


def test_a_matrix_with_a_scale_in_it_is_read() -> None:
    move = _similarity(3)
    read = Similarity.of_matrix(np.c_[2.0 * move.rotation, move.translation], scale=0.5)
    np.testing.assert_allclose(read.rotation, move.rotation)
    assert read.scale == pytest.approx(1.0)
    np.testing.assert_allclose(read.translation, 0.5 * move.translation)


@pytest.mark.parametrize(
    "matrix", [np.zeros((3, 4)), np.diag([1.0, 1.0, -1.0, 1.0]), np.diag([1.0, 2.0, 1.0, 1.0]), np.full((3, 4), np.nan)]
)
def test_a_matrix_that_mirrors_stretches_or_is_broken_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"matrix|rotation"):
        Similarity.of_matrix(matrix)


@given(st.integers(0, 1000))
def test_the_map_between_points_and_their_partners_is_found(seed: int) -> None:
    move, points = _similarity(seed), np.random.default_rng(seed).normal(size=(12, 3))
    for scale in (None, move.scale):
        found = Similarity.between(points, move.points(points), scale)
        np.testing.assert_allclose(found.rotation, move.rotation, atol=1e-9)
        np.testing.assert_allclose(found.translation, move.translation, atol=1e-8)
        assert found.scale == pytest.approx(move.scale)
