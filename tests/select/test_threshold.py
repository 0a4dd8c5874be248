"""Thresholds are chosen by rendering."""

from __future__ import annotations

import numpy as np
import torch
from scenes import ring, things

from splatseg.raster.interface import Plan, prepare, rasterize
from splatseg.select.threshold import areas_of, best_threshold, iou, nested_iou, render_members, render_thresholds
from splatseg.splats.splats import Splats


def scene() -> tuple[Plan, np.ndarray, Splats]:
    splats, thing = things()
    camera = ring(1)[0]
    return prepare(splats.means, splats.quats, splats.scales, splats.opacities, camera), thing, splats


def test_members_are_shown_where_they_are_more_than_half_of_the_pixel():
    plan, thing, splats = scene()
    members = np.stack([thing == label for label in (1, 2, 3)] * 7)
    masks = render_members(plan, members)
    assert masks.shape == (21, plan.camera.height, plan.camera.width)
    one = torch.tensor(thing == 2).float()[:, None]
    blended = rasterize(splats.means, splats.quats, splats.scales, splats.opacities, one, plan.camera).features
    np.testing.assert_array_equal(masks[1], blended[..., 0].numpy() > 0.5)
    np.testing.assert_array_equal(masks[1], masks[19])


def test_iou_of_equal_empty_and_disjoint_masks():
    full, none = np.ones((1, 2, 2), dtype=bool), np.zeros((1, 2, 2), dtype=bool)
    assert iou(full, full[0])[0] == 1.0 and iou(none, none[0])[0] == 1.0 and iou(full, none[0])[0] == 0.0


def test_the_threshold_parts_the_thing_in_the_mask_from_the_others():
    plan, thing, _ = scene()
    rng = np.random.default_rng(0)
    scores = np.where(thing == 1, 0.8, 0.3).astype(np.float32) + rng.uniform(-0.1, 0.1, len(thing)).astype(np.float32)
    mask = render_members(plan, (thing == 1)[None])[0]
    threshold, agreement = best_threshold(plan, scores, (thing == 1).astype(np.float32), mask)
    assert agreement == 1.0
    np.testing.assert_array_equal(scores >= threshold, thing == 1)


def test_among_thresholds_that_agree_equally_the_middle_is_taken():
    plan, thing, _ = scene()
    scores = np.where(thing == 1, 0.9, 0.1).astype(np.float32)
    mask = render_members(plan, (thing == 1)[None])[0]
    threshold, _ = best_threshold(plan, scores, (thing == 1).astype(np.float32), mask)
    assert 0.35 < threshold < 0.75


def test_scores_that_are_all_equal_have_a_threshold_too():
    plan, thing, _ = scene()
    everything = render_members(plan, np.ones((1, len(thing)), dtype=bool))[0]
    scores = np.full(len(thing), 0.5, np.float32)
    threshold, agreement = best_threshold(plan, scores, np.ones(len(thing), np.float32), everything)
    assert threshold <= 0.5 and agreement == 1.0


def test_all_thresholds_in_one_pass_are_what_each_shows_by_itself():
    plan, thing, _ = scene()
    scores = np.random.default_rng(2).random(len(thing)).astype(np.float32)
    scores[::7] = np.nan
    thresholds = np.sort(np.random.default_rng(3).random(30)).astype(np.float32)
    shown = render_thresholds(plan, scores, thresholds)
    masks = render_members(plan, scores[None] >= thresholds[:, None])
    differ = (shown[None] > np.arange(30)[:, None, None]) != masks
    assert differ.mean() < 1e-5  # a pixel may stand on the very half
    np.testing.assert_allclose(areas_of(shown, 30), masks.sum((1, 2)), atol=2)
    np.testing.assert_allclose(nested_iou(shown, masks[10], 30), iou(masks, masks[10]), atol=1e-3)
    assert nested_iou(np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool), 1)[0] == 1.0
