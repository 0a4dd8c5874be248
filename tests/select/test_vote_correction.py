"""A selection is set right by the masks of all views, and never away from its prompt."""

from __future__ import annotations

import numpy as np
import torch
from scenes import ring, things
from scipy import sparse

from splatseg.cameras.camera import Camera
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.select.box_prompt import SLACK, box_agreement, select_by_box
from splatseg.select.click_prompt import select_by_click
from splatseg.select.mask_prompt import select_by_mask
from splatseg.select.match import Match
from splatseg.select.threshold import render_members
from splatseg.select.vote_correction import best_corrected
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes

VIEWS = 5


def featured(noise: float) -> tuple[Splats, np.ndarray, Camera]:
    splats, thing = things()
    rng = np.random.default_rng(0)
    features = np.eye(8)[thing] + noise * rng.normal(size=(len(thing), 8))
    return splats.replace(features=torch.tensor(features, dtype=torch.float32)), thing, ring(1)[0]


def agreement_on(label: np.ndarray) -> Agreement:
    """Five views, each with one mask a label, all agreeing."""
    labels = np.unique(label)
    weights = np.concatenate([(label[:, None] == labels) * 10.0] * VIEWS, axis=1).astype(np.float32)
    view_of = np.repeat(np.arange(VIEWS, dtype=np.int32), len(labels))
    ones, areas = np.ones(len(view_of), dtype=np.int32), np.full(len(view_of), 50, dtype=np.int64)
    names = tuple(f"{view}.png" for view in range(VIEWS))
    votes = Votes(sparse.csr_array(weights), view_of, ones, areas, weights.sum(1), names, np.zeros_like(ones))
    return Agreement(votes)


def mask_of(splats: Splats, camera: Camera, members: np.ndarray) -> np.ndarray:
    return render_members(splats.prepare(camera), members[None])[0]


def test_a_noisy_selection_by_mask_becomes_the_thing():
    splats, thing, camera = featured(noise=0.45)
    mask = mask_of(splats, camera, thing == 2)
    alone = select_by_mask(splats, camera, mask)
    corrected = select_by_mask(splats, camera, mask, agreement=agreement_on(thing))
    assert (alone.members != (thing == 2)).any(), "the noise must do harm, or nothing is corrected"
    np.testing.assert_array_equal(corrected.members, thing == 2)


def test_segments_that_lie_in_the_mask_are_taken_where_features_find_nothing():
    splats, thing, camera = featured(noise=0.02)
    splats = splats.replace(features=torch.ones(len(thing), 8), segment_ids=torch.tensor(thing, dtype=torch.int32))
    both = (thing == 1) | (thing == 3)
    selection = select_by_mask(splats, camera, mask_of(splats, camera, both), agreement=agreement_on(thing))
    np.testing.assert_array_equal(selection.members, both)


def test_a_noisy_selection_by_box_becomes_the_thing():
    splats, thing, camera = featured(noise=0.3)
    rows, columns = np.nonzero(mask_of(splats, camera, thing == 1))
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    corrected = select_by_box(splats, camera, box, agreement=agreement_on(thing))
    np.testing.assert_array_equal(corrected.members, thing == 1)


def test_masks_that_leave_the_prompt_are_not_followed():
    splats, thing, camera = featured(noise=0.02)
    mask = mask_of(splats, camera, thing == 1)
    one_for_everything = agreement_on(np.zeros_like(thing))
    selection = select_by_mask(splats, camera, mask, agreement=one_for_everything)
    np.testing.assert_array_equal(selection.members, thing == 1)


def test_a_threshold_that_is_given_is_not_corrected():
    splats, thing, camera = featured(noise=0.45)
    mask = mask_of(splats, camera, thing == 2)
    given = select_by_mask(splats, camera, mask, threshold=0.5, agreement=agreement_on(thing))
    np.testing.assert_array_equal(given.members, select_by_mask(splats, camera, mask, threshold=0.5).members)


def test_a_click_on_a_voted_segment_is_that_segment():
    splats, thing, camera = featured(noise=0.45)
    splats = splats.replace(segment_ids=torch.tensor(thing, dtype=torch.int32))
    pixels, _ = camera.project(splats.means.numpy()[thing == 3].astype(np.float64))
    x, y = pixels.mean(0)
    selection = select_by_click(splats, camera, (float(x), float(y)), voted=True)
    np.testing.assert_array_equal(selection.members, thing == 3)


def test_an_empty_correction_loses_to_any_selection():
    splats, thing, _ = featured(noise=0.02)
    some = Match(np.zeros(len(thing), dtype=np.float32), 0.0, thing == 1)
    none = Match(np.zeros(len(thing), dtype=np.float32), 0.0, np.zeros(len(thing), dtype=bool))
    best, fit = best_corrected([none, some], splats, agreement_on(thing), lambda members: np.zeros(len(members)))
    np.testing.assert_array_equal(best.members, thing == 1)
    assert 0.9 < fit <= 1.0 + 1e-6


def test_equal_candidates_are_judged_once_and_the_first_of_them_is_taken():
    splats, thing, _ = featured(noise=0.02)
    matches = [Match(np.full(len(thing), score, dtype=np.float32), 0.0, thing == 1) for score in (0.3, 0.6)]
    judged = []

    def judge(members: np.ndarray) -> np.ndarray:
        judged.append(len(members))
        return np.full(len(members), 0.5)

    best, score = best_corrected(matches, splats, agreement_on(thing), judge)
    assert judged == [1], "the masks agree with the set, so that its corrections equal it, too"
    assert best.scores[0] == np.float32(0.3)
    assert (best.members == (thing == 1)).all()
    assert score == best_corrected(matches[:1], splats, agreement_on(thing), judge)[1]


def test_segments_and_atoms_that_lie_in_the_mask_compete_with_the_threshold():
    splats, thing, camera = featured(noise=2.0)  # features say next to nothing
    mask, agreement = mask_of(splats, camera, thing == 2), agreement_on(np.ones_like(thing))
    alone = select_by_mask(splats, camera, mask).members
    merges, levels = np.zeros((0, 2), dtype=np.int32), np.zeros(0, dtype=np.float32)
    hierarchy = Hierarchy(thing.astype(np.int32), merges, levels)
    by_atoms = select_by_mask(splats, camera, mask, agreement=agreement, hierarchy=hierarchy).members
    segmented = splats.replace(segment_ids=torch.tensor(thing, dtype=torch.int32))
    by_segments = select_by_mask(segmented, camera, mask, agreement=agreement).members
    assert (alone != (thing == 2)).any(), "features must fail, or nothing is gained"
    np.testing.assert_array_equal(by_atoms, thing == 2)
    np.testing.assert_array_equal(by_segments, thing == 2)


def test_the_content_of_a_box_is_kept_where_features_find_something_else():
    splats, thing, camera = featured(noise=3.0)  # features say nothing
    halves = np.where((thing == 2) & (splats.means[:, 1].numpy() > 0.0), 4, thing)
    splats = splats.replace(segment_ids=torch.tensor(halves, dtype=torch.int32))
    shown = mask_of(splats, camera, thing == 2)
    rows, columns = np.nonzero(shown)
    box = (int(columns.min()), int(rows.min()), int(columns.max() + 1), int(rows.max() + 1))
    everything = agreement_on(np.zeros_like(thing))
    found = select_by_box(splats, camera, tuple(map(float, box)), agreement=everything).members
    agreed = [box_agreement(one, box) for one in (mask_of(splats, camera, found), shown)]
    assert agreed[0] >= agreed[1] - SLACK
