"""The paper's settings are the defaults, and scaling keeps the number of uses of each term."""

from __future__ import annotations

import pytest

from splatseg.features.paper.settings import PaperSettings


def test_the_defaults_are_the_official_codes():
    settings = PaperSettings()
    assert (settings.iterations, settings.channels, settings.learning_rate) == (30_000, 16, 0.0025)
    assert (settings.clustering_every, settings.clustering_weight, settings.min_pixels) == (50, 1e-6, 100)
    assert (settings.temperature_scale, settings.temperature_min, settings.temperature_max) == (10.0, 0.1, 1.0)
    assert (settings.spatial_every, settings.spatial_samples, settings.spatial_candidates) == (100, 1_000, 300_000)
    assert (settings.near, settings.far, settings.near_weight, settings.far_weight) == (2, 5, 0.05, 0.15)


def test_a_shorter_schedule_uses_each_term_as_often():
    short = PaperSettings().scaled(3_000)
    assert short.iterations // short.clustering_every == 600
    assert short.iterations // short.spatial_every == 300


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"channels": 0}, {"temperature_min": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least 1|0 < min"):
        PaperSettings(**wrong)
