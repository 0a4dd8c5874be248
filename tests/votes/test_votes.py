"""Votes are blending weights summed over masks, view by view."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import GivenMasks, MaskedView, ring, things

from splatseg.cameras.camera import Camera
from splatseg.errors import MaskError
from splatseg.masks.segments import from_label_map, from_masks, together
from splatseg.raster.interface import prepare, rasterize
from splatseg.raster.reference import weights as reference_weights
from splatseg.splats.splats import Splats
from splatseg.votes import gathering
from splatseg.votes import votes as module
from splatseg.votes.gathering import Gathering
from splatseg.votes.votes import Votes, collect_votes


def label_map(splats: Splats, thing: np.ndarray, camera: Camera) -> np.ndarray:
    """The thing most visible at each pixel, 0 where little is seen."""
    one_hot = torch.nn.functional.one_hot(torch.tensor(thing)).float()
    raster = rasterize(splats.means, splats.quats, splats.scales, splats.opacities, one_hot, camera)
    return np.where(raster.alphas > 0.5, raster.features.argmax(-1), 0).astype(np.int32)


def views_and_masks() -> tuple[Splats, np.ndarray, list[MaskedView], GivenMasks]:
    splats, thing = things()
    views = [MaskedView(f"{index}.png", camera) for index, camera in enumerate(ring(3))]
    return splats, thing, views, GivenMasks({v.name: from_label_map(label_map(splats, thing, v.camera)) for v in views})


def test_a_vote_is_the_sum_of_blending_weights_over_the_pixels_of_the_label():
    splats, _thing, views, masks = views_and_masks()
    camera = views[0].camera
    labels = masks.segments[views[0].name].layers[0]
    plan = prepare(splats.means, splats.quats, splats.scales, splats.opacities, camera, backend="reference")
    gathered = Gathering(len(splats))
    total = module._add_view(gathered, plan, masks.segments[views[0].name])
    y, x = np.mgrid[: camera.height, : camera.width]
    w = reference_weights(plan.state, torch.tensor(np.stack([x.ravel(), y.ravel()], -1)), plan.settings).numpy()
    expected = np.stack([w[labels.ravel() == label].sum(0) for label in (1, 2, 3)], axis=1)
    floors = np.maximum(module.WEIGHT_FLOOR, module.SHARE_FLOOR * w.sum(0))[:, None]
    expected = np.where(expected > floors, expected, 0.0)
    np.testing.assert_allclose(gathered.matrix().toarray(), expected, atol=1e-4)
    np.testing.assert_allclose(total, w.sum(0), atol=1e-4)


def test_overlapping_masks_all_vote():
    splats, thing, views, _ = views_and_masks()
    labels = label_map(splats, thing, views[0].camera)
    nested = from_masks(np.stack([labels > 0, labels == 1, labels == 2]))
    found = collect_votes(splats, views[:1], GivenMasks({views[0].name: nested}))
    dense = found.weights.toarray()
    assert dense.shape == (len(splats), 3)
    np.testing.assert_array_equal(found.areas, [(labels > 0).sum(), (labels == 1).sum(), (labels == 2).sum()])
    assert (dense[:, 0] >= dense[:, 1] - 1e-4).all()


def test_every_column_is_named_by_its_view_and_id_and_views_without_masks_are_passed_over():
    splats, _, views, masks = views_and_masks()
    del masks.segments[views[1].name]
    told = []
    found = collect_votes(splats, views, masks, lambda done, total: told.append((done, total)))
    assert found.views == (views[0].name, views[2].name)
    counts = [masks.segments[name].count for name in found.views]
    np.testing.assert_array_equal(found.view_of, np.repeat([0, 1], counts))
    np.testing.assert_array_equal(found.id_of, np.concatenate([np.arange(1, n + 1) for n in counts]))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_gaussian_gets_most_votes_from_the_masks_of_its_thing():
    splats, thing, views, masks = views_and_masks()
    found = collect_votes(splats, views, masks)
    of_mask = found.id_of  # in this scene every view sees every thing, and ids are those of the things
    per_thing = np.stack([found.weights.toarray()[:, of_mask == label].sum(1) for label in (1, 2, 3)], axis=1)
    seen = found.seen > 1.0
    assert (per_thing.argmax(1)[seen] + 1 == thing[seen]).mean() > 0.97
    assert (per_thing.sum(1) <= found.seen + 1e-3).all()


def test_no_masks_at_all_is_a_user_error():
    splats, _, views, _ = views_and_masks()
    with pytest.raises(MaskError, match="none of the 3 views has masks; give a folder"):
        collect_votes(splats, views, GivenMasks({}))


def test_masks_that_hold_nothing_are_a_user_error():
    splats, _, views, _ = views_and_masks()
    empty = from_label_map(np.zeros((24, 36), dtype=np.int32))
    with pytest.raises(MaskError, match="empty"):
        collect_votes(splats, views, GivenMasks({view.name: empty for view in views}))


def test_masks_through_which_nothing_is_seen_are_a_user_error():
    splats, _, views, _ = views_and_masks()
    corner = np.zeros((24, 36), dtype=np.int32)
    corner[0, 0] = 1
    far = splats.replace(means=splats.means + 1e3)
    with pytest.raises(MaskError, match="no Gaussian is seen through any mask"):
        collect_votes(far, views, GivenMasks({view.name: from_label_map(corner) for view in views}))


def test_votes_know_their_shapes():
    splats, _, views, masks = views_and_masks()
    found = collect_votes(splats, views, masks)
    with pytest.raises(ValueError, match="areas"):
        Votes(found.weights, found.view_of, found.id_of, found.areas[:-1], found.seen, found.views, found.layer_of)


def test_votes_that_waited_on_disk_are_the_same_to_the_bit(monkeypatch):
    splats, _, views, masks = views_and_masks()
    in_memory = collect_votes(splats, views, masks)
    monkeypatch.setattr(gathering, "IN_MEMORY", 0)
    on_disk = collect_votes(splats, views, masks)
    np.testing.assert_array_equal(on_disk.weights.indptr, in_memory.weights.indptr)
    np.testing.assert_array_equal(on_disk.weights.indices, in_memory.weights.indices)
    np.testing.assert_array_equal(on_disk.weights.data, in_memory.weights.data)


def test_ignored_pixels_are_as_if_they_had_not_been_seen():
    splats, _thing, views, masks = views_and_masks()
    camera = views[0].camera
    ignored = np.zeros((camera.height, camera.width), bool)
    ignored[:, : camera.width // 2] = True
    segments = masks.segments[views[0].name].without(ignored)
    plan = prepare(splats.means, splats.quats, splats.scales, splats.opacities, camera, backend="reference")
    gathered = Gathering(len(splats))
    seen = module._add_view(gathered, plan, segments)
    y, x = np.mgrid[: camera.height, : camera.width]
    w = reference_weights(plan.state, torch.tensor(np.stack([x.ravel(), y.ravel()], -1)), plan.settings).numpy()
    w[ignored.ravel()] = 0
    np.testing.assert_allclose(seen, w.sum(0), atol=1e-4)
    labels = segments.layers[0].ravel()
    expected = np.stack([w[labels == label].sum(0) for label in range(1, segments.count + 1)], axis=1)
    floors = np.maximum(module.WEIGHT_FLOOR, module.SHARE_FLOOR * w.sum(0))[:, None]
    np.testing.assert_allclose(gathered.matrix().toarray(), np.where(expected > floors, expected, 0.0), atol=1e-4)
    assert ((w.sum(0) == 0) & (seen < 1e-4)).any(), "some Gaussians are seen through ignored pixels only"


def test_a_view_that_was_looked_at_and_has_no_mask_counts_as_seen():
    splats, _thing, views, masks = views_and_masks()
    camera = views[1].camera
    empty = from_masks(np.zeros((0, camera.height, camera.width), bool))
    both = collect_votes(splats, views[:2], GivenMasks({**masks.segments, views[1].name: empty}))
    alone = collect_votes(splats, views[:1], masks)
    assert both.views == (views[0].name, views[1].name) and (both.weights != alone.weights).nnz == 0
    assert (both.seen > alone.seen).any()


def test_sources_of_weight_1_change_no_bit_of_the_votes():
    splats, _, views, masks = views_and_masks()
    once = collect_votes(splats, views, masks)
    put_together = {name: together([segments], [1.0]) for name, segments in masks.segments.items()}
    again = collect_votes(splats, views, GivenMasks(put_together))
    assert again.source_of is None and again.weight_of is None and again.true_of is None
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(again.weights, name), getattr(once.weights, name))


def test_each_source_of_a_view_is_a_witness_with_its_own_masks_and_weight():
    splats, _, views, masks = views_and_masks()
    both = {name: together([of_view, of_view], [1.0, 3.0]) for name, of_view in masks.segments.items()}
    del both[views[2].name]
    alone = masks.segments[views[2].name]
    votes = collect_votes(splats, views, GivenMasks({**both, views[2].name: alone}))
    counts = [masks.segments[view.name].count for view in views]
    np.testing.assert_array_equal(votes.view_of, np.repeat([0, 0, 1, 1, 2], np.repeat(counts, [2, 2, 1])))
    np.testing.assert_array_equal(votes.witness_of, np.repeat([0, 1, 2, 3, 4], np.repeat(counts, [2, 2, 1])))
    assert votes.mask_weights[np.unique(votes.witness_of, return_index=True)[1]].tolist() == [1, 3, 1, 3, 1]
    assert votes.witness_views == tuple(views[view].name for view in (0, 0, 1, 1, 2))
    # What a view sees counts once, whoever makes masks of it.
    np.testing.assert_array_equal(votes.seen, collect_votes(splats, views, masks).seen)
    first = votes.weights[:, votes.witness_of == 0].toarray()
    np.testing.assert_allclose(first, votes.weights[:, votes.witness_of == 1].toarray(), atol=1e-5)


@pytest.mark.parametrize(("true", "weight"), [(1, 2.0), (2, 1.0)])
def test_true_masks_weigh_as_much_as_all_others_together_and_at_least_1(true: int, weight: float):
    splats, _, views, masks = views_and_masks()
    drawn = {view.name: together([masks.segments[view.name]], [np.inf]) for view in views[:true]}
    votes = collect_votes(splats, views, GivenMasks({**masks.segments, **drawn}))
    assert votes.true_of is not None and votes.visible is not None
    np.testing.assert_array_equal(votes.true_of, votes.view_of < true)
    np.testing.assert_array_equal(votes.mask_weights, np.where(votes.true_of, weight, 1.0))
    assert votes.visible.shape == (len(splats), true)
    # All that a view sees: no less than what lies under its masks.
    under = votes.weights[:, votes.view_of == 0].sum(axis=1)
    assert (votes.visible[:, [0]].toarray().ravel() >= under - 1e-4).all()
