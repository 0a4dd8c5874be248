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
    assert (paper.lr_means_final, paper.lr_shN) == (1.6e-6, 2.5e-3 / 20)
    assert not paper.coarse_at(0, 10**6) and paper.settling_at(29_999) == 1.0


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


def test_the_other_rates_settle_at_the_end_and_only_there():
    settings = TrainSettings(iterations=100, settle_from=0.8, settle_to=0.01)
    assert [settings.settling_at(step) for step in (0, 50, 80)] == [1.0, 1.0, 1.0]
    assert settings.settling_at(90) == pytest.approx(0.1)
    assert settings.settling_at(100) == pytest.approx(0.01)


def test_small_images_are_halved_for_less_of_the_time_and_large_ones_no_longer_than_asked():
    settings = TrainSettings(coarse_until=100, coarse_pixels=1000)
    last = {
        pixels: max(step for step in range(200) if settings.coarse_at(step, pixels)) for pixels in (500, 1000, 4000)
    }
    assert last == {500: 49, 1000: 99, 4000: 99}


@pytest.mark.parametrize("wrong", [{"iterations": 0}, {"sh_degree": 4}, {"ssim_weight": 1.5}, {"densify_every": 0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainSettings(**wrong)
