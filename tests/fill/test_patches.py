"""Pieces of a surface that are copied into a hole fit its rim, and cover it."""

from __future__ import annotations

import numpy as np

from splatseg.fill.patches import choose_patches, rim_of


def square(side: int = 60, low: int = 24, high: int = 36) -> np.ndarray:
    hole = np.zeros((side, side), bool)
    hole[low:high, low:high] = True
    return hole


def test_a_piece_continues_the_stripes_around_the_hole() -> None:
    hole = square()
    stripes = np.zeros((60, 60, 3))
    stripes[:, np.arange(60) % 18 < 9] = 1.0
    (patch,) = choose_patches(hole, ~hole, stripes, rim_of(hole, ~hole))
    assert patch.shift[1] % 18 == 0 and (patch.region == hole).all()
    np.testing.assert_array_equal(patch.moved(stripes)[hole], stripes[hole])
    assert (~hole)[patch.source].all() and patch.source.sum() == hole.sum()


def test_a_hole_larger_than_what_is_around_it_takes_several_pieces() -> None:
    hole = square(60, 18, 42)
    source = square(60, 12, 48) & ~hole
    patches = choose_patches(hole, source, np.zeros((60, 60, 3)), rim_of(hole, source))
    assert len(patches) > 1
    covered = np.sum([patch.region for patch in patches], axis=0)
    assert covered.max() == 1 and covered[hole].mean() > 0.98 and not covered[~hole].any()
    assert all(source[patch.source].all() for patch in patches)


def test_nothing_around_gives_no_piece() -> None:
    hole = square()
    assert choose_patches(hole, np.zeros_like(hole), np.zeros((60, 60, 3)), np.zeros_like(hole)) == []
