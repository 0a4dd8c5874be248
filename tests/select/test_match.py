"""Selections are sets of Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import things

from splatseg.errors import PromptError
from splatseg.select.match import Match, features_of, nonempty


def selection(scores: list[float], threshold: float) -> Match:
    array = np.array(scores, dtype=np.float32)
    return Match(array, threshold, array >= threshold)


A = selection([0.9, 0.8, 0.1, 0.2], 0.5)
B = selection([0.9, 0.1, 0.3, 0.1], 0.2)


def test_union_intersection_and_inverse_are_those_of_sets():
    np.testing.assert_array_equal(A.union(B).members, [True, True, True, False])
    np.testing.assert_array_equal(A.intersect(B).members, [True, False, False, False])
    np.testing.assert_array_equal(A.invert().members, [False, False, True, True])
    np.testing.assert_array_equal(A.invert().invert().members, A.members)


def test_scores_and_threshold_still_say_who_is_a_member():
    for made in (A.union(B), A.intersect(B), A.union(B).intersect(A)):
        np.testing.assert_array_equal(made.scores >= made.threshold, made.members)


def test_a_lower_threshold_grows_a_selection():
    assert A.at(0.15).count > A.count > A.at(0.85).count


def test_tidying_drops_pieces_apart():
    splats, thing = things()
    members = thing == 1
    members[np.flatnonzero(thing == 2)[0]] = True
    chosen = Match(members.astype(np.float32), 0.5, members)
    np.testing.assert_array_equal(chosen.tidy(splats).members, thing == 1)
    np.testing.assert_array_equal(chosen.tidy(splats, min_share=0.0).members, members)


def test_a_splat_without_features_is_told_what_to_do():
    splats, _ = things()
    with pytest.raises(PromptError, match="run `splatseg segment RUN --masks DIR` first"):
        features_of(splats)
    with pytest.raises(PromptError, match="no segmentation features"):
        features_of(splats.replace(features=torch.zeros(len(splats), 4)))


def test_features_are_made_unit_and_zeros_stay():
    splats, _ = things()
    features = torch.zeros(len(splats), 4)
    features[1:] = 3.0
    lengths = np.linalg.norm(features_of(splats.replace(features=features)), axis=1)
    np.testing.assert_allclose(lengths[1:], 1.0, atol=1e-6)
    assert lengths[0] == 0.0


def test_an_empty_selection_is_a_user_error():
    with pytest.raises(PromptError, match=r"the mask selects nothing at threshold 2; .* 0\.9: lower the threshold"):
        nonempty(A.at(2.0), "the mask")
