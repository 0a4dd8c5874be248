"""Laws of the second cut of atoms: two things under one group's mask part, noise and a mere group do not."""

import numpy as np
import pytest
from scipy import sparse

from splatseg.cluster.finer_cut import finer_cut, finer_features
from splatseg.cluster.labels import Known
from splatseg.cluster.settings import ClusterSettings
from splatseg.features.rows import InMemory
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes

HALF, VIEWS, PIXELS = 40, 6, 4.0


def votes_of(masks_of_a_view: list[np.ndarray]) -> Votes:
    """Votes of 2 HALF Gaussians, each PIXELS in every view, all views with the same masks, one a layer."""
    columns = np.stack(masks_of_a_view * VIEWS, axis=1).astype(np.float32) * PIXELS
    each = len(masks_of_a_view)
    return Votes(
        weights=sparse.csr_array(columns),
        view_of=np.repeat(np.arange(VIEWS), each).astype(np.int32),
        id_of=np.tile(np.arange(1, each + 1), VIEWS).astype(np.int32),
        areas=columns.sum(0).astype(np.int64),
        seen=np.full(2 * HALF, PIXELS * VIEWS, dtype=np.float32),
        views=tuple(f"{view}.jpg" for view in range(VIEWS)),
        layer_of=np.tile(np.arange(each), VIEWS).astype(np.int32),
    )


ONE, OTHER = np.arange(2 * HALF) < HALF, np.arange(2 * HALF) >= HALF
BOTH = ONE | OTHER


def parts_of(votes: Votes, label: np.ndarray | None = None) -> np.ndarray:
    finer = np.stack([ONE, OTHER], axis=1).astype(np.float32)
    label = np.zeros(2 * HALF, dtype=np.int64) if label is None else label
    return finer_cut(label, Known(InMemory(finer)), finer, Agreement(votes), ClusterSettings())


def test_two_things_that_masks_show_apart_part():
    parts = parts_of(votes_of([ONE, OTHER]))
    assert len(np.unique(parts[ONE])) == len(np.unique(parts[OTHER])) == 1
    assert parts[0] != parts[-1]


def test_a_thing_that_masks_only_show_whole_stays_whole():
    assert len(np.unique(parts_of(votes_of([BOTH])))) == 1


def test_a_cut_never_joins_clusters():
    parts = parts_of(votes_of([BOTH]), ONE.astype(np.int64))
    assert parts[0] != parts[-1]


@pytest.mark.parametrize("thing", [ONE, OTHER])
def test_a_part_that_masks_show_does_not_take_a_poorly_shown_rest_apart(thing):
    # The whole is shown in every view too, so the part alone cannot explain more than the whole does.
    assert len(np.unique(parts_of(votes_of([BOTH, thing])))) == 1


def test_masks_too_small_for_features_give_none():
    small = votes_of([ONE])
    tiny = Votes(
        small.weights * np.float32(0.01), small.view_of, small.id_of, small.areas, small.seen * 0.01, small.views,
        small.layer_of,
    )  # fmt: skip
    assert finer_features(tiny, np.zeros((2 * HALF, 3)), 0) is None
