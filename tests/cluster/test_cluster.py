"""Automatic segments."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scenes import GivenMasks, MaskedView, ring, things

from splatseg.cluster.cluster import cluster_splats
from splatseg.cluster.settings import ClusterSettings
from splatseg.features.lift.embed import embed_votes
from splatseg.masks.segments import from_label_map, together
from splatseg.raster.interface import rasterize
from splatseg.splats.splats import Splats
from splatseg.votes.votes import collect_votes


def featured(each: int = 60, noise: float = 0.03, seed: int = 0) -> tuple[Splats, np.ndarray]:
    """Three balls, each with a feature direction of its own and a little noise."""
    splats, thing = things(each=each)
    rng = np.random.default_rng(seed)
    features = np.eye(8)[thing] + noise * rng.normal(size=(len(thing), 8))
    return splats.replace(features=torch.tensor(features, dtype=torch.float32)), thing


def same_parts(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(((a[:, None] == a[None]) == (b[:, None] == b[None])).all())


def test_things_that_differ_are_segments():
    splats, thing = featured()
    clusters = cluster_splats(splats)
    assert same_parts(clusters.ids, thing)
    assert clusters.ids.dtype == np.int32
    np.testing.assert_array_equal(clusters.counts, [60, 60, 60])


def test_ids_run_by_size_from_the_largest():
    splats, thing = featured()
    keep = torch.tensor((thing != 2) | (np.arange(len(thing)) % 2 == 0))
    clusters = cluster_splats(splats.subset(keep))
    assert (np.diff(clusters.counts) <= 0).all()
    np.testing.assert_array_equal(clusters.counts, np.bincount(clusters.ids)[1:])


def test_what_looks_alike_but_lies_apart_is_two_segments():
    splats, thing = featured()
    features = splats.features.clone()
    features[torch.tensor(thing == 2)] = features[torch.tensor(thing == 1)]
    assert same_parts(cluster_splats(splats.replace(features=features)).ids, thing)


def test_a_crumb_joins_the_segment_around_it():
    splats, thing = featured()
    features = splats.features.clone()
    features[5] = torch.eye(8)[7]
    assert same_parts(cluster_splats(splats.replace(features=features)).ids, thing)


def test_gaussians_without_features_belong_to_none():
    splats, _ = featured()
    features = splats.features.clone()
    features[:10] = 0.0
    ids = cluster_splats(splats.replace(features=features)).ids
    assert (ids[:10] == 0).all() and (ids[10:] > 0).all()
    nothing = cluster_splats(splats.replace(features=torch.zeros_like(features)))
    assert not nothing.ids.any() and len(nothing.counts) == 0 and nothing.hierarchy.count == 0


def test_the_same_splat_gives_the_same_ids_and_the_length_of_features_does_not_matter():
    splats, _ = featured(noise=0.2)
    a = cluster_splats(splats)
    np.testing.assert_array_equal(a.ids, cluster_splats(splats).ids)
    longer = splats.replace(features=splats.features * 7.0)
    np.testing.assert_array_equal(a.ids, cluster_splats(longer).ids)


def test_the_unit_of_the_world_does_not_matter():
    splats, thing = featured()
    scale = 1000.0
    larger = dataclasses.replace(splats, means=splats.means * scale, log_scales=splats.log_scales + np.log(scale))
    assert same_parts(cluster_splats(larger).ids, thing)


def test_a_lower_distance_gives_at_least_as_many_segments():
    splats, _ = featured(noise=0.3)
    settings = [ClusterSettings(distance=distance, min_count=1) for distance in (0.05, 0.2, 0.9)]
    counts = [len(cluster_splats(splats, setting).counts) for setting in settings]
    assert counts[0] >= counts[1] >= counts[2] and counts[0] > counts[2]


def test_a_splat_too_small_for_any_segment_is_one_segment():
    splats, thing = featured(each=3)
    np.testing.assert_array_equal(cluster_splats(splats).ids, np.ones(len(thing)))


def test_a_splat_without_features_is_the_callers_mistake():
    with pytest.raises(ValueError, match="no features"):
        cluster_splats(things()[0])


def led(*true: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids of two balls that touch and that all views show as one, but for views `true`, whose masks are true; and the
    balls."""
    splats, thing = things(centres=((-0.3, 0.0, 0.0), (0.3, 0.0, 0.0)), each=200)
    views = [MaskedView(f"{index}.png", camera) for index, camera in enumerate(ring(9))]
    one_hot = torch.nn.functional.one_hot(torch.tensor(thing)).float()
    masks = {}
    for index, view in enumerate(views):
        shown = rasterize(splats.means, splats.quats, splats.scales, splats.opacities, one_hot, view.camera)
        labels = np.where(shown.alphas > 0.5, shown.features.argmax(-1), 0).astype(np.int32)
        drawn = from_label_map(labels if index in true else (labels > 0).astype(np.int32))
        masks[view.name] = together([drawn], [np.inf]) if index in true else drawn
    votes = collect_votes(splats, views, GivenMasks(masks))
    features = embed_votes(votes, means=splats.positions)
    return cluster_splats(splats.replace(features=torch.from_numpy(features)), votes=votes).ids, thing


def test_balls_that_true_masks_of_two_views_show_apart_are_two_segments_whatever_all_others_show():
    ids, thing = led(0, 4)
    most = [np.bincount(ids[thing == ball], minlength=3).argmax() for ball in (1, 2)]
    assert most[0] != most[1] and min(most) > 0
    for ball, segment in zip((1, 2), most, strict=True):
        assert (ids[thing == ball] == segment).mean() > 0.8
    alone = led()[0]
    assert (alone == 1).mean() > 0.95
