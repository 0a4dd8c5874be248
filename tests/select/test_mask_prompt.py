"""A mask in one view selects its thing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.masks.segments import Segments, from_label_map
from splatseg.render.label_maps import label_map
from splatseg.select.mask_prompt import inside_outside, least_fit, made_of, query_of, select_by_mask
from splatseg.select.match import Match
from splatseg.select.threshold import iou, render_members
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import collect_votes


def featured(noise: float = 0.05) -> tuple[Splats, np.ndarray, Camera]:
    splats, thing = things()
    rng = np.random.default_rng(0)
    features = np.eye(8)[thing] + noise * rng.normal(size=(len(thing), 8))
    return splats.replace(features=torch.tensor(features, dtype=torch.float32)), thing, ring(1)[0]


def mask_of(splats: Splats, camera: Camera, members: np.ndarray) -> np.ndarray:
    return render_members(splats.prepare(camera), members[None])[0]


@pytest.mark.parametrize("label", [1, 2, 3])
def test_a_clean_thing_is_exactly_its_gaussians(label: int):
    splats, thing, camera = featured()
    selection = select_by_mask(splats, camera, mask_of(splats, camera, thing == label))
    np.testing.assert_array_equal(selection.members, thing == label)


def test_a_rough_mask_selects_the_whole_thing():
    splats, thing, camera = featured()
    mask = mask_of(splats, camera, thing == 1)
    mask[::3] = False
    np.testing.assert_array_equal(select_by_mask(splats, camera, mask).members, thing == 1)


def test_a_threshold_that_is_given_is_used():
    splats, thing, camera = featured(noise=0.3)
    mask = mask_of(splats, camera, thing == 1)
    few, many = (select_by_mask(splats, camera, mask, threshold=t) for t in (0.9, 0.3))
    assert few.threshold == 0.9 and few.count < many.count
    assert (few.scores[few.members] >= 0.9).all()


def test_the_length_of_features_does_not_matter():
    splats, thing, camera = featured()
    mask = mask_of(splats, camera, thing == 2)
    longer = splats.replace(features=100.0 * splats.features)
    np.testing.assert_array_equal(
        select_by_mask(splats, camera, mask).members, select_by_mask(longer, camera, mask).members
    )


def test_weights_inside_and_outside_add_up_and_the_query_ignores_what_is_outside():
    splats, thing, camera = featured(noise=0.0)
    plan = splats.prepare(camera)
    mask = mask_of(splats, camera, thing == 1)
    inside, outside = inside_outside(plan, mask)
    total, nothing = inside_outside(plan, np.ones_like(mask))
    np.testing.assert_allclose(inside + outside, total, atol=1e-4)
    assert not nothing.any()
    query = query_of(splats.features.numpy(), inside, outside)
    assert query[1] > 0.99 and np.isclose(np.linalg.norm(query), 1.0)


@pytest.mark.parametrize("label", [1, 2, 3])
def test_pixels_that_are_not_known_count_on_neither_side(label: int):
    """Of a picture whose left half is known, the mask of a thing selects it however far it reaches into the other."""
    splats, thing, camera = featured()
    whole = mask_of(splats, camera, thing == label)
    seen = np.zeros_like(whole)
    seen[:, : int(np.median(np.nonzero(whole)[1])) + 1] = True
    assert whole[~seen].any() and whole[seen].any()
    found = select_by_mask(splats, camera, whole & seen, agreement=knowing(splats, thing), seen=seen)
    np.testing.assert_array_equal(found.members, thing == label)
    # Both sides together are the light of the pixels that are known, and no other.
    sides = inside_outside(splats.prepare(camera), whole & seen, seen)
    np.testing.assert_allclose(sum(sides), inside_outside(splats.prepare(camera), seen)[0], atol=1e-4)


def test_a_mask_of_another_size_is_a_user_error():
    splats, _, camera = featured()
    with pytest.raises(PromptError, match="the mask is 7x5 pixels, its view 36x24"):
        select_by_mask(splats, camera, np.ones((5, 7), dtype=bool))


def test_an_empty_mask_is_a_user_error():
    splats, _, camera = featured()
    with pytest.raises(PromptError, match="the mask is empty"):
        select_by_mask(splats, camera, np.zeros((24, 36), dtype=bool))


def test_a_mask_on_nothing_is_a_user_error():
    splats, _, camera = featured()
    corner = np.zeros((24, 36), dtype=bool)
    corner[0, 0] = True
    with pytest.raises(PromptError, match="no Gaussian is seen through the mask"):
        select_by_mask(splats, camera, corner)


def test_a_threshold_above_all_scores_is_a_user_error():
    splats, thing, camera = featured()
    with pytest.raises(PromptError, match=r"selects nothing at threshold 1\.5"):
        select_by_mask(splats, camera, mask_of(splats, camera, thing == 1), threshold=1.5)


def test_no_features_is_a_user_error():
    splats, _ = things()
    with pytest.raises(PromptError, match="no segmentation features"):
        select_by_mask(splats, ring(1)[0], np.ones((24, 36), dtype=bool))


def knowing(splats: Splats, ids: np.ndarray) -> Agreement:
    """The votes of masks of `ids` (N,) in a ring of views."""
    views = [View(f"{k}.png", camera) for k, camera in enumerate(ring(6))]
    labelled = splats.replace(segment_ids=torch.tensor(ids, dtype=torch.int32))
    maps = {view.name: from_label_map(label_map(labelled, view.camera)) for view in views}
    return Agreement(collect_votes(splats, views, Given(maps)))


class Given:
    """Masks by view name."""

    def __init__(self, maps: dict[str, Segments]) -> None:
        self.maps = maps

    def read(self, view: View) -> Segments:
        return self.maps[view.name]


def test_a_prompt_that_no_candidate_fits_is_kept_where_its_view_sees_it():
    # Masks, features and segments all say that things 1 and 2 are one; the prompt wants the first alone.
    splats, thing, camera = featured()
    merged = np.where(thing == 2, 1, thing)
    splats = splats.replace(features=torch.eye(8)[torch.tensor(merged)], segment_ids=torch.tensor(merged).int())
    mask = mask_of(splats, camera, thing == 1)
    atoms = Hierarchy(merged.astype(np.int32), np.zeros((0, 2), np.int32), np.zeros(0, np.float32))
    selection = select_by_mask(splats, camera, mask, agreement=knowing(splats, merged), hierarchy=atoms)
    own = mask_of(splats, camera, selection.members)
    assert (own & mask).sum() / (own | mask).sum() > 0.9
    # Without the prompt's word, all candidates are both things.
    assert selection.count < (merged == 1).sum()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    groups=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    noise=st.sampled_from([0.05, 0.5, 2.0]),
    cut=st.sampled_from(["whole", "half", "rough", "moved"]),
)
def test_a_prompt_is_kept_in_its_own_view_whatever_the_masks_say(seed: int, groups: list[int], noise: float, cut: str):
    splats, thing, camera = featured(noise)
    rng = np.random.default_rng(seed)
    ids = np.array([0, *groups])[thing]  # what masks and segments take for one
    ids = np.where(rng.random(len(ids)) < 0.1, rng.integers(0, 3, len(ids)), ids).astype(np.int32)
    if not ids.any():
        return
    splats = splats.replace(segment_ids=torch.from_numpy(ids))
    mask = mask_of(splats, camera, np.isin(thing, rng.choice([1, 2, 3], size=rng.integers(1, 3), replace=False)))
    if cut == "half":
        mask[:, : int(np.nonzero(mask)[1].mean())] = False
    elif cut == "rough":
        mask &= rng.random(mask.shape) < 0.8
    elif cut == "moved":
        mask = np.roll(mask, 2, axis=1)
    agreement = knowing(splats, ids)
    found = select_by_mask(splats, camera, mask, agreement=agreement).members
    inside, outside = inside_outside(splats.prepare(camera), mask)
    pieces = made_of(ids, inside, outside)
    changed = [agreement.by_matches(pieces.members), agreement.by_majority(pieces.members)]
    candidates = [Match.of(one).tidy(splats).members for one in (pieces.members, *changed)]
    lifted = inside > outside
    others = [lifted, Match.of(lifted).tidy(splats).members, *candidates]
    own = iou(render_members(splats.prepare(camera), np.stack([found, *others])), mask)
    assert own[0] >= least_fit(own[1])
    for other, fit in zip(others[1:], own[2:], strict=True):
        loses = fit > own[0] + 1e-6 and agreement.support(other) > agreement.support(found) + 1e-6
        assert not loses, "a candidate is better in the prompt's view and in the others"


def test_the_node_that_overlaps_the_mask_best_is_a_candidate():
    # Features say nothing, and the splat has no segments: only the hierarchy knows the thing.
    splats, thing, camera = featured()
    splats = splats.replace(features=torch.ones(len(thing), 4))
    atoms = Hierarchy(thing.astype(np.int32), np.zeros((0, 2), np.int32), np.zeros(0, np.float32))
    mask = mask_of(splats, camera, thing == 3)
    selection = select_by_mask(splats, camera, mask, agreement=knowing(splats, thing), hierarchy=atoms)
    np.testing.assert_array_equal(selection.members, thing == 3)
