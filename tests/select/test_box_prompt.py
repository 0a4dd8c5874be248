"""A box selects the thing that fills it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.select.box_prompt import box_agreement, select_by_box
from splatseg.select.prompt import Box
from splatseg.select.threshold import render_members
from splatseg.splats.splats import Splats


def featured() -> tuple[Splats, np.ndarray, Camera]:
    splats, thing = things()
    rng = np.random.default_rng(0)
    features = np.eye(8)[thing] + 0.05 * rng.normal(size=(len(thing), 8))
    return splats.replace(features=torch.tensor(features, dtype=torch.float32)), thing, ring(1)[0]


def box_of(splats: Splats, camera: Camera, members: np.ndarray, margin: int = 0) -> Box:
    rows, columns = np.nonzero(render_members(splats.prepare(camera), members[None])[0])
    x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return (float(x0 - margin), float(y0 - margin), float(x1 + margin), float(y1 + margin))


@pytest.mark.parametrize("label", [1, 2, 3])
@pytest.mark.parametrize("margin", [0, 1])
def test_a_box_selects_the_thing_that_fills_it(label: int, margin: int):
    splats, thing, camera = featured()
    selection = select_by_box(splats, camera, box_of(splats, camera, thing == label, margin))
    np.testing.assert_array_equal(selection.members, thing == label)


def test_a_box_around_a_thing_of_two_parts_selects_both():
    splats, thing, camera = featured()
    features = splats.features.clone()
    lower = torch.tensor((thing == 2) & (splats.means[:, 1].numpy() > 0.0))
    features[lower] = torch.eye(8)[6]
    selection = select_by_box(splats.replace(features=features), camera, box_of(splats, camera, thing == 2))
    np.testing.assert_array_equal(selection.members, thing == 2)


def test_a_segment_that_fills_the_box_is_selected_where_features_do_not_tell():
    splats, thing, camera = featured()
    features = torch.ones(len(thing), 8)
    splats = splats.replace(features=features, segment_ids=torch.tensor(thing, dtype=torch.int32))
    selection = select_by_box(splats, camera, box_of(splats, camera, thing == 3))
    np.testing.assert_array_equal(selection.members, thing == 3)


def test_a_box_that_reaches_over_the_image_is_cut_to_it():
    splats, _thing, camera = featured()
    members = select_by_box(splats, camera, (-50.0, -50.0, 500.0, 500.0)).members
    assert members.any()


def test_a_box_at_the_border_of_what_is_known_selects_the_thing_that_goes_on_beyond():
    splats, thing, camera = featured()
    mask = render_members(splats.prepare(camera), (thing == 2)[None])[0]
    seen = np.ones_like(mask)
    seen[:, int(np.median(np.nonzero(mask)[1])) :] = False
    rows, columns = np.nonzero(mask & seen)
    box = tuple(float(side) for side in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    members = select_by_box(splats, camera, box, seen=seen).members
    np.testing.assert_array_equal(members, thing == 2)


@pytest.mark.parametrize("box", [(5.0, 5.0, 5.0, 9.0), (9.0, 5.0, 5.0, 9.0)])
def test_a_box_without_area_is_a_user_error(box: Box):
    splats, _, camera = featured()
    with pytest.raises(PromptError, match="has no area"):
        select_by_box(splats, camera, box)


def test_a_box_outside_the_image_is_a_user_error():
    splats, _, camera = featured()
    with pytest.raises(PromptError, match="outside the image of 36x24"):
        select_by_box(splats, camera, (40.0, 2.0, 50.0, 9.0))


def test_a_box_on_nothing_is_a_user_error():
    splats, _, camera = featured()
    with pytest.raises(PromptError, match="nothing with features is seen in the box"):
        select_by_box(splats, camera, (0.0, 0.0, 2.0, 2.0))


def test_agreement_is_one_for_a_mask_that_fills_the_box_and_less_for_any_other():
    mask = np.zeros((20, 20), dtype=bool)
    mask[5:10, 4:12] = True
    assert box_agreement(mask, (4, 5, 12, 10)) == 1.0
    assert box_agreement(mask, (4, 5, 8, 10)) < 0.6
    assert box_agreement(mask, (0, 0, 20, 20)) < 0.2
    assert box_agreement(np.zeros_like(mask), (0, 0, 20, 20)) == 0.0
