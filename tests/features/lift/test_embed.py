"""The spectral embedding joins what masks join and parts what they part."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from splatseg.errors import MaskError
from splatseg.features.lift import spectrum
from splatseg.features.lift.embed import diffusion_time, embed_votes, fill_unseen, unit_rows
from splatseg.features.lift.settings import EmbedSettings
from splatseg.votes.votes import Votes

THINGS = 5


def votes_of(weights: np.ndarray, view_of: np.ndarray) -> Votes:
    masks = weights.shape[1]
    return Votes(
        weights=sparse.csr_array(weights.astype(np.float32)),
        view_of=view_of.astype(np.int32),
        id_of=np.arange(1, masks + 1, dtype=np.int32),
        areas=np.full(masks, 100),
        seen=weights.sum(1).astype(np.float32),
        views=tuple(f"{view}.png" for view in range(int(view_of.max(initial=-1)) + 1)),
        layer_of=np.zeros(masks, dtype=np.int32),
    )


def world(
    views: int = 12, each: int = 60, broken: float = 0.0, merged: float = 0.0, seed: int = 0
) -> tuple[Votes, np.ndarray]:
    """Votes of masks on things: broken in two, or merged with the next thing, at these rates; and the things (N,)."""
    rng = np.random.default_rng(seed)
    thing = np.repeat(np.arange(THINGS), each)
    columns, view_of = [], []
    for view in range(views):
        mask = thing.copy()
        for label in range(THINGS):
            if rng.random() < broken:
                mask[(thing == label) & (rng.random(len(thing)) < 0.5)] = label + THINGS
            if label + 1 < THINGS and rng.random() < merged:
                mask[mask == label] = label + 1
        visible = rng.random(len(thing)) < 0.6
        for label in np.unique(mask):
            columns.append(np.where((mask == label) & visible, rng.uniform(0.5, 2.0, len(thing)), 0.0))
            view_of.append(view)
    # Blending at borders: a little of every Gaussian leaks into a random mask, so that all hangs together.
    weights = np.stack(columns, axis=1) + 0.02 * (rng.random((len(thing), len(columns))) < 0.05)
    return votes_of(weights, np.array(view_of)), thing


def contrast(features: np.ndarray, thing: np.ndarray) -> tuple[float, float]:
    """(least similarity inside a thing, greatest between things), of the fifth and ninety-fifth percentile."""
    similarity = features @ features.T
    same = thing[:, None] == thing[None]
    return float(np.quantile(similarity[same], 0.05)), float(np.quantile(similarity[~same], 0.95))


def test_masks_that_agree_give_things_that_are_one_and_apart():
    votes, thing = world()
    inside, between = contrast(embed_votes(votes), thing)
    assert inside > 0.99 and between < 0.5


def test_things_are_found_through_masks_that_break_and_merge_them():
    votes, thing = world(views=40, broken=0.4, merged=0.15)
    inside, between = contrast(embed_votes(votes), thing)
    assert inside > 0.95 and between < 0.8


def test_the_order_of_masks_changes_nothing():
    votes, _ = world(broken=0.3)
    order = np.random.default_rng(1).permutation(votes.weights.shape[1])
    shuffled = votes_of(votes.weights.toarray()[:, order], votes.view_of[order])
    a, b = embed_votes(votes), embed_votes(shuffled)
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=2e-3)


def test_the_unit_of_weights_changes_nothing():
    votes, _ = world(broken=0.3)
    every = EmbedSettings(min_mask_votes=0.0)
    a, b = embed_votes(votes, every), embed_votes(votes_of(40.0 * votes.weights.toarray(), votes.view_of), every)
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=2e-3)


def test_the_same_votes_give_the_same_features_to_the_bit():
    votes, _ = world(broken=0.3)
    np.testing.assert_array_equal(embed_votes(votes), embed_votes(votes))


def test_rows_are_unit_and_zero_where_nothing_is_seen():
    votes, _ = world()
    weights = votes.weights.toarray()
    weights[::7] = 0.0
    features = embed_votes(votes_of(weights, votes.view_of), EmbedSettings(dimensions=16))
    lengths = np.linalg.norm(features, axis=1)
    assert features.shape == (len(weights), 16) and features.dtype == np.float32
    np.testing.assert_allclose(lengths[::7], 0.0)
    np.testing.assert_allclose(np.delete(lengths, np.s_[::7]), 1.0, atol=1e-5)


def test_fewer_masks_than_dimensions_leave_columns_of_zeros():
    votes, _ = world(views=2)
    features = embed_votes(votes)
    assert features.shape[1] == 64 and not features[:, votes.weights.shape[1] :].any()


def test_an_island_of_masks_in_too_few_views_gets_no_feature():
    votes, thing = world()
    weights, view_of = votes.weights.toarray(), votes.view_of
    island = np.zeros((10, weights.shape[1] + 1))
    island[:, -1] = 50.0
    weights = np.concatenate([np.pad(weights, ((0, 0), (0, 1))), island])
    features = embed_votes(votes_of(weights, np.append(view_of, 0)))
    assert not features[len(thing) :].any() and features[: len(thing)].any(1).all()


def test_masks_too_weak_to_count_are_a_user_error():
    votes, _ = world()
    with pytest.raises(MaskError, match="too small or too weak"):
        embed_votes(votes, EmbedSettings(min_mask_votes=1e9))


def test_unseen_gaussians_take_the_feature_of_the_nearest_seen_one():
    features = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    means = np.array([[0.0, 0, 0], [5.0, 0, 0], [4.0, 0, 0], [np.nan, 0, 0]])
    filled = fill_unseen(features, means)
    np.testing.assert_array_equal(filled, [[1, 0], [0, 1], [0, 1], [0, 0]])
    assert not features[2].any()


def test_without_a_single_feature_nothing_is_filled():
    np.testing.assert_array_equal(fill_unseen(np.zeros((3, 2), np.float32), np.zeros((3, 3))), np.zeros((3, 2)))


def test_unit_rows_keep_zeros():
    np.testing.assert_allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0.0, 0.0]])


def test_the_diffusion_time_leaves_the_share_of_dimensions_it_is_told():
    values = np.linspace(1.0, 0.5, 64)
    power = diffusion_time(values, EmbedSettings(spread=0.2))
    assert np.isclose((values ** (2 * power)).sum(), 0.2 * (values**2).sum(), atol=1e-3)
    assert diffusion_time(0.1 * values) == pytest.approx(diffusion_time(values))


def test_a_spectrum_that_does_not_fall_keeps_the_power_in_its_range():
    assert diffusion_time(np.ones(64)) == pytest.approx(EmbedSettings().max_power)


def test_things_before_a_clear_gap_are_not_damped_below_a_half():
    values = np.concatenate([np.linspace(1.0, 0.9, 5), np.full(59, 0.3)])
    assert 0.9 ** diffusion_time(values) >= 0.499


def test_a_mask_of_weight_2_is_as_two_equal_masks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spectrum, "TOLERANCE", 1e-7)
    monkeypatch.setattr(spectrum, "MAX_ITERATIONS", 300)
    votes, _ = world(views=6, broken=0.3)
    heavy = np.arange(len(votes.view_of)) % 3 == 0
    weighted = dataclasses.replace(votes, weight_of=np.where(heavy, 2.0, 1.0).astype(np.float32))
    copies = np.sort(np.concatenate([np.arange(len(heavy)), np.flatnonzero(heavy)]))
    twice = votes_of(votes.weights.toarray()[:, copies], votes.view_of[copies])
    settings = EmbedSettings(dimensions=THINGS, power=3.0)
    found, expected = embed_votes(weighted, settings), embed_votes(twice, settings)
    # The basis of the features is free, so products of features are compared.
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-3)
    plain = embed_votes(votes, settings)
    assert np.abs(found @ found.T - plain @ plain.T).max() > 0.05


def test_weights_of_1_change_no_bit_of_the_features():
    votes, _ = world(views=6, broken=0.3)
    ones = dataclasses.replace(votes, weight_of=np.ones(len(votes.view_of), dtype=np.float32))
    np.testing.assert_array_equal(embed_votes(ones), embed_votes(votes))
