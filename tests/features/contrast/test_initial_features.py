"""Where features start: what matters of the embedding is kept, noise favours no direction."""

from __future__ import annotations

import numpy as np

from splatseg.features.contrast.initial_features import compressed
from splatseg.features.lift.embed import unit_rows


def test_an_embedding_of_fewer_dimensions_than_channels_keeps_all_its_cosines():
    rng = np.random.default_rng(0)
    inner = rng.normal(size=(200, 10)) @ rng.normal(size=(10, 64))
    features = unit_rows(inner.astype(np.float32))
    found = compressed(features, 16)
    assert found.shape == (200, 16) and found.dtype == np.float32
    np.testing.assert_allclose(found @ found.T, features @ features.T, atol=1e-3)


def test_rows_that_nothing_is_known_of_stay_zero_and_the_others_are_unit():
    features = unit_rows(np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32))
    features[::5] = 0.0
    lengths = np.linalg.norm(compressed(features, 16), axis=1)
    np.testing.assert_allclose(lengths[::5], 0.0)
    np.testing.assert_allclose(np.delete(lengths, np.s_[::5]), 1.0, atol=1e-5)


def test_more_channels_than_dimensions_are_filled_up_with_zeros():
    features = unit_rows(np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))
    found = compressed(features, 16)
    assert found.shape == (50, 16) and not found[:, 3:].any()
