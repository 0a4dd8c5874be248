"""The children of a cut cover what their parent covered."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.refine.profile import covered, fitted_profile

OFFSETS = np.linspace(-5, 5, 501)


@pytest.mark.parametrize("opacity", [0.02, 0.1, 0.5, 0.9, 0.99])
def test_three_children_cover_what_the_parent_covered(opacity: float):
    centres, logits = fitted_profile(0.6).children(np.log([opacity / (1 - opacity)]))
    parent = opacity * np.exp(-0.5 * OFFSETS**2)
    children = covered(OFFSETS, centres[0], 1 / (1 + np.exp(-logits[0])), 0.6)
    assert np.sqrt(((children - parent) ** 2).mean() / (parent**2).mean()) < 0.06


def test_the_parent_is_cut_evenly_on_both_sides():
    centres, logits = fitted_profile(0.6).children(np.array([-2.0, 0.0, 3.0]))
    np.testing.assert_array_equal(centres, -centres[:, ::-1])
    np.testing.assert_array_equal(logits, logits[:, ::-1])
    assert (centres[:, 2] > 0.5).all()


def test_opacities_beyond_the_grid_are_those_at_its_ends():
    profile = fitted_profile(0.6)
    for beyond, end in ((-30.0, -5.0), (30.0, 7.0)):
        np.testing.assert_array_equal(profile.children(np.array([beyond]))[1], profile.children(np.array([end]))[1])
