"""The paper's settings are the defaults, and scaling keeps the number of uses of each term."""

from __future__ import annotations

import pytest

from splatseg.features.paper.settings import PaperConfig


def test_the_defaults_are_the_official_codes():
    config = PaperConfig()
    assert (config.iterations, config.channels, config.learning_rate) == (30_000, 16, 0.0025)
    assert (config.clustering_every, config.clustering_weight, config.min_pixels) == (50, 1e-6, 100)
    assert (config.temperature_scale, config.temperature_min, config.temperature_max) == (10.0, 0.1, 1.0)
    assert (config.spatial_every, config.spatial_samples, config.spatial_candidates) == (100, 1_000, 300_000)
    assert (config.near, config.far, config.near_weight, config.far_weight) == (2, 5, 0.05, 0.15)


def test_a_shorter_schedule_uses_each_term_as_often():
    short = PaperConfig().scaled(3_000)
    assert short.iterations // short.clustering_every == 600
    assert short.iterations // short.spatial_every == 300


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"channels": 0}, {"temperature_min": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least 1|0 < min"):
        PaperConfig(**wrong)
