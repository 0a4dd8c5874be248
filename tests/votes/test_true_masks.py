"""True masks: which sets of Gaussians contradict them, and where such sets are cut."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from splatseg.votes.true_masks import TrueMasks

CUP, SAUCER, TABLE, HIDDEN = np.arange(0, 10), np.arange(10, 16), np.arange(16, 46), np.arange(46, 50)
N = 50
MEANS = np.stack([np.arange(N, dtype=float), np.zeros(N), np.zeros(N)], axis=1)


def drawn(masks: list[np.ndarray], leak: float = 0.0) -> TrueMasks:
    """Masks of one view that sees one pixel of every Gaussian but HIDDEN, of which it sees `leak` in the first mask."""
    visible = np.ones(N, dtype=np.float32)
    visible[HIDDEN] = leak
    weights = np.stack([np.isin(np.arange(N), mask) * visible for mask in masks], axis=1)
    weights[HIDDEN, 0] = leak
    of_view = np.zeros(len(masks), dtype=np.int64)
    usual = np.ones(N, dtype=np.float32)
    return TrueMasks(sparse.csr_array(weights), of_view, sparse.csr_array(visible[:, None]), usual)


def broken(true: TrueMasks, *parts: np.ndarray) -> list[bool]:
    groups = np.full(N, -1)
    groups[np.concatenate(parts)] = 0
    found: list[bool] = true.broken(*true.tallies_of(groups, 1))[0].tolist()
    return found


def test_a_set_that_has_most_of_two_masks_breaks_one_of_them() -> None:
    true = drawn([CUP, SAUCER, TABLE])
    assert broken(true, CUP) == broken(true, SAUCER) == broken(true, CUP[:3], SAUCER) == [False] * 3
    assert broken(true, CUP, SAUCER) == [False, True, False]
    assert broken(true, CUP, SAUCER, TABLE) == [True, True, False]


def test_a_mask_that_is_a_minor_part_of_a_set_is_broken_even_if_the_rest_was_not_drawn() -> None:
    assert broken(drawn([CUP]), CUP, TABLE) == [True]
    assert broken(drawn([CUP]), CUP[:4], TABLE) == [False]
    # The smaller rest may be what the person forgot at the edge.
    assert broken(drawn([CUP]), CUP, SAUCER) == [False]


def test_a_whole_that_was_drawn_around_its_parts_breaks_none_of_them() -> None:
    true = drawn([np.concatenate([CUP, SAUCER]), CUP, SAUCER, TABLE])
    assert broken(true, CUP, SAUCER) == [False] * 4
    assert broken(true, SAUCER, TABLE) == [False, False, True, False]


def test_what_is_seen_only_as_light_through_an_edge_breaks_nothing() -> None:
    assert broken(drawn([CUP, TABLE], leak=0.1), TABLE, HIDDEN) == [False, False]


def test_a_set_that_breaks_masks_is_cut_along_them_and_others_stay() -> None:
    true = drawn([CUP, SAUCER])
    groups = np.zeros(N, dtype=np.int64)
    groups[TABLE[20:]] = 1
    groups[HIDDEN] = -1
    parts = true.parted(groups, MEANS)
    names = [set(parts[which].tolist()) for which in (CUP, SAUCER, TABLE[:20], TABLE[20:], HIDDEN)]
    assert all(len(name) == 1 for name in names) and len(set.union(*names)) == 5 and names[-1] == {-1}
    assert not true.broken(*true.tallies_of(parts, 4)).any()


@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_what_the_view_hardly_sees_goes_with_the_nearest_that_it_sees(leak: float) -> None:
    groups = np.zeros(N, dtype=np.int64)
    parts = drawn([CUP, SAUCER], leak).parted(groups, MEANS)
    # HIDDEN lies at the end of TABLE, and its light leaks into the cup.
    assert set(parts[HIDDEN].tolist()) == set(parts[TABLE].tolist()) != set(parts[CUP].tolist())
