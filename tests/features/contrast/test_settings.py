"""Settings of the contrastive training that make no sense are refused."""

from __future__ import annotations

import pytest

from splatseg.features.contrast.settings import ContrastSettings


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"channels": 0}, {"uses": 0}, {"neighbours": 0}])
def test_counts_are_at_least_one(wrong):
    with pytest.raises(ValueError, match="must be at least 1"):
        ContrastSettings(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"travel": 0.0}, {"discount_pixels": 2}, {"spatial_weight": -1}]
)
def test_numbers_that_make_no_loss_are_refused_and_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong.values())):g}"):
        ContrastSettings(**wrong)
