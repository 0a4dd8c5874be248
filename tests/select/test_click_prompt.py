"""One click selects the thing under it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.select.click_prompt import most_stable, select_by_click
from splatseg.splats.splats import Splats


def featured(noise: float = 0.05) -> tuple[Splats, np.ndarray, Camera]:
    splats, thing = things()
    rng = np.random.default_rng(0)
    features = np.eye(8)[thing] + noise * rng.normal(size=(len(thing), 8))
    return splats.replace(features=torch.tensor(features, dtype=torch.float32)), thing, ring(1)[0]


def pixel_of(splats: Splats, camera: Camera, members: np.ndarray) -> tuple[float, float]:
    pixels, _ = camera.project(splats.means.numpy()[members].astype(np.float64))
    x, y = pixels.mean(0)
    return float(x), float(y)


@pytest.mark.parametrize("label", [1, 2, 3])
@pytest.mark.parametrize("segmented", [False, True])
def test_a_click_selects_the_thing_under_it(label: int, segmented: bool):
    splats, thing, camera = featured()
    if segmented:
        splats = splats.replace(segment_ids=torch.tensor(thing, dtype=torch.int32))
    selection = select_by_click(splats, camera, pixel_of(splats, camera, thing == label))
    np.testing.assert_array_equal(selection.members, thing == label)


def test_a_segment_that_disagrees_with_the_features_is_not_followed():
    splats, thing, camera = featured()
    splats = splats.replace(segment_ids=torch.ones(len(thing), dtype=torch.int32))
    selection = select_by_click(splats, camera, pixel_of(splats, camera, thing == 1))
    np.testing.assert_array_equal(selection.members, thing == 1)


def test_a_threshold_that_is_given_is_used():
    splats, thing, camera = featured(noise=0.3)
    pixel = pixel_of(splats, camera, thing == 1)
    assert (
        select_by_click(splats, camera, pixel, threshold=0.9).count
        < select_by_click(splats, camera, pixel, threshold=0.2).count
    )


@pytest.mark.parametrize("pixel", [(-1.0, 3.0), (36.0, 3.0), (3.0, 24.0), (3.0, -0.1)])
def test_a_click_outside_the_image_is_a_user_error(pixel: tuple[float, float]):
    splats, _, camera = featured()
    with pytest.raises(PromptError, match="outside the image of 36x24 pixels; x runs from 0 to 35, y from 0 to 23"):
        select_by_click(splats, camera, pixel)


def test_a_click_on_nothing_is_a_user_error():
    splats, _, camera = featured()
    with pytest.raises(PromptError, match="nothing with features is seen at the click"):
        select_by_click(splats, camera, (0, 0))


def test_the_longest_range_of_equal_areas_wins():
    areas = [100, 60, 30, 29, 28, 28, 27, 9, 8, 1]
    assert 2 <= most_stable(np.array(areas), len(areas)) <= 6


def test_masks_that_do_not_hold_the_click_do_not_count():
    areas = np.array([2, 2, 1, 1, 1, 1])
    assert most_stable(areas, 2) in (0, 1)
    assert most_stable(areas, 0) == 0
