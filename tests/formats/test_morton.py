"""Morton order brings neighbours together."""

from __future__ import annotations

import numpy as np

from splatseg.formats.morton import morton_order


def test_a_block_of_the_order_is_a_small_box() -> None:
    points = np.random.default_rng(0).uniform(size=(4096, 3)).astype(np.float32)
    order = morton_order(points)
    assert np.array_equal(np.sort(order), np.arange(4096))
    blocks = points[order].reshape(64, 64, 3)
    assert np.median(np.ptp(blocks, axis=1)) < 0.5  # 64 blocks: about cubes of a quarter; in a random order 0.97


def test_eight_corners_come_in_the_order_of_interleaved_bits() -> None:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    assert morton_order(corners[::-1]).tolist() == list(range(7, -1, -1))


def test_points_that_coincide_keep_their_order() -> None:
    assert morton_order(np.zeros((5, 3), np.float32)).tolist() == [0, 1, 2, 3, 4]
    assert len(morton_order(np.zeros((0, 3), np.float32))) == 0
