"""The schedule of the fit: stretching keeps shares, the published numbers are there, nonsense is refused."""

from __future__ import annotations

import pytest

from splatseg.train.settings import TrainSettings


def test_the_published_schedule_is_that_of_3dgs():
    paper = TrainSettings.paper()
    assert (paper.iterations, paper.densify_from, paper.densify_until, paper.densify_every) == (
        30_000,
        500,
        15_000,
        100,
    )
    assert (paper.reset_every, paper.sh_every, paper.grow_gradient) == (3_000, 1_000, 2e-4)
    assert (paper.ssim_weight, paper.lr_sh0, paper.lr_opacity, paper.prune_opacity) == (0.2, 2.5e-3, 0.05, 0.005)
    assert paper.coarse_until == 0


def test_scaling_keeps_the_share_of_everything_counted_in_steps():
    short = TrainSettings.paper().scaled(3_000)
    assert (short.iterations, short.densify_from, short.densify_until) == (3_000, 50, 1_500)
    assert (short.reset_every, short.sh_every) == (300, 100)
    assert short.lr_means_at(1_500) == pytest.approx(TrainSettings.paper().lr_means_at(15_000))


def test_scaling_to_very_few_steps_leaves_intervals_of_one_and_never_stays_never():
    tiny = TrainSettings.paper(reset_every=0).scaled(2)
    assert tiny.sh_every == 1
    assert tiny.reset_every == 0 and not tiny.resets_after(2)


def test_rounds_of_growth_are_never_nearer_than_gradients_of_most_views_allow():
    assert TrainSettings.paper().scaled(300).densify_every == 100
    assert TrainSettings.paper().scaled(60_000).densify_every == 200


def test_the_rate_of_positions_falls_exponentially_between_its_ends():
    settings = TrainSettings(iterations=100, lr_means=1e-2, lr_means_final=1e-4)
    assert settings.lr_means_at(0) == pytest.approx(1e-2)
    assert settings.lr_means_at(50) == pytest.approx(1e-3)
    assert settings.lr_means_at(100) == pytest.approx(1e-4)


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"sh_degree": 4}, {"ssim_weight": 1.5}, {"densify_every": 0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainSettings(**wrong)
