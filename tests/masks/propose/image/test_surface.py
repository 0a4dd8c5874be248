"""Laws of proposals on a surface: planes show nothing, jumps and edges do, and things of one colour are told apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import splatseg.masks.propose.image as image_package
from splatseg.masks.propose.image.candidates import cut_pairs, sums_inside
from splatseg.masks.propose.image.cues import find_cues
from splatseg.masks.propose.image.learned import learned, of_plain
from splatseg.masks.propose.image.merge_trees import CUES, MergeWeights, border_cues, merge_regions
from splatseg.masks.propose.image.objectness import surface_features
from splatseg.masks.propose.image.propose import HIERARCHIES, propose_masks
from splatseg.masks.propose.image.regions import RegionGraph, flood, region_graph
from splatseg.masks.propose.image.surface import surface_of

HEIGHT, WIDTH = 150, 200


def rays() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    return (x - WIDTH / 2) / WIDTH, (y - HEIGHT / 2) / WIDTH


def plane_depth(a: float, b: float, c: float) -> np.ndarray:
    """Depth of the plane a X + b Y + c Z = 1."""
    x, y = rays()
    return (1 / (a * x + b * y + c)).astype(np.float32)


def noisy_grey() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 3, (HEIGHT, WIDTH, 1))
    return np.repeat(128 + noise, 3, axis=2).clip(0, 255).astype(np.uint8)


def box_on_a_floor() -> tuple[np.ndarray, np.ndarray]:
    """Depth of a grey box before a grey floor, and the box."""
    depth = plane_depth(0.0, 0.9, 0.5)
    box = np.zeros((HEIGHT, WIDTH), bool)
    box[50:100, 70:130] = True
    return np.where(box, np.minimum(depth, 1.3), depth).astype(np.float32), box


def graph_on(depth: np.ndarray | None, image: np.ndarray) -> RegionGraph:
    cues = find_cues(image, 0.5)
    return region_graph(flood(cues, 0.5), cues, None if depth is None else surface_of(depth, 0.5))


@pytest.mark.parametrize("plane", [(0.0, 0.0, 0.5), (0.4, 0.0, 0.5), (-0.3, 0.6, 0.8)])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_a_plane_has_no_relief_however_it_slants_and_whatever_the_unit(
    plane: tuple[float, float, float], unit: float
) -> None:
    for relief in surface_of(plane_depth(*plane) * unit, 0.5).reliefs:
        assert relief[8:-8, 8:-8].max() < 0.01


def test_a_concave_edge_is_a_valley_and_a_convex_one_a_ridge() -> None:
    left, right = plane_depth(-0.8, 0.0, 0.5), plane_depth(0.8, 0.0, 0.5)
    concave, convex = np.minimum(left, right), np.maximum(left, right)
    at_edge = np.s_[20:-20, WIDTH // 2 - 1 : WIDTH // 2 + 1]
    near_valley, near_ridge, far_valley, far_ridge = surface_of(concave, 0.8).reliefs
    assert far_valley[at_edge].min() > 0.4 and max(far_ridge[at_edge].max(), near_ridge[at_edge].max()) < 0.05
    near_valley, near_ridge, far_valley, far_ridge = surface_of(convex, 0.8).reliefs
    assert far_ridge[at_edge].min() > 0.4 and max(far_valley[at_edge].max(), near_valley[at_edge].max()) < 0.05


def test_pixels_without_a_surface_are_no_trouble() -> None:
    depth = plane_depth(0.0, 0.0, 0.5)
    depth[:, :80] = 0
    surface = surface_of(depth, 0.5)
    assert all(np.isfinite(relief).all() for relief in surface.reliefs)
    assert surface.reliefs[1][75, 79:82].max() > 0.9, "the border of a surface is a jump"
    assert not surface_of(np.zeros_like(depth), 0.5).inverse.any()
    masks, scores = propose_masks(noisy_grey(), depth=np.zeros_like(depth))
    assert len(masks) == len(scores)


def test_a_thing_of_the_colour_of_its_ground_is_found_by_its_shape_only() -> None:
    depth, box = box_on_a_floor()

    def best(masks: np.ndarray) -> float:
        return max(((masks & box).sum((1, 2)) / (masks | box).sum((1, 2))).tolist(), default=0.0)

    assert best(propose_masks(noisy_grey(), depth=depth)[0]) > 0.75 > best(propose_masks(noisy_grey())[0])


def test_depth_of_another_size_is_taken_at_the_pixels_it_belongs_to() -> None:
    depth, _ = box_on_a_floor()
    masks, scores = propose_masks(noisy_grey(), depth=np.kron(depth, np.ones((2, 2), np.float32)))
    expected, expected_scores = propose_masks(noisy_grey(), depth=depth)
    assert np.array_equal(masks, expected) and np.array_equal(scores, expected_scores)


def test_the_cues_of_a_pair_are_as_defined() -> None:
    graph = graph_on(box_on_a_floor()[0], noisy_grey())
    cues = dict(zip(CUES, border_cues(graph).T, strict=True))
    a, b = graph.pairs.T
    means = (graph.histograms / graph.areas[:, None]).astype(np.float32)
    chi = (means[a] - means[b]) ** 2 / (means[a] + means[b] + 1e-4)
    np.testing.assert_allclose(cues["edge"], graph.edges / graph.lengths)
    np.testing.assert_allclose(cues["colour"], chi[:, :24].sum(1) / 6, atol=1e-6)
    np.testing.assert_allclose(cues["texture"], chi[:, 24:].sum(1) / 4, atol=1e-6)
    np.testing.assert_allclose(cues["far_ridge"], graph.reliefs[:, 3] / graph.lengths)
    q = graph.planes[:, 6] / graph.planes[:, 0]
    gap = np.abs(q[a] - q[b]) / np.minimum(q[a], q[b])
    np.testing.assert_allclose(cues["gap"], gap / (gap + 0.05))
    assert all((values >= 0).all() and (values <= 1 + 1e-9).all() for values in cues.values())


def test_regions_of_one_plane_have_no_bend_and_those_of_two_have() -> None:
    graph = graph_on(np.minimum(plane_depth(-0.8, 0.0, 0.5), plane_depth(0.8, 0.0, 0.5)), noisy_grey())
    bend = border_cues(graph)[:, CUES.index("bend")]
    _y, x = np.mgrid[:HEIGHT, :WIDTH]
    centre = np.bincount(graph.labels.ravel(), x.ravel()) / graph.areas
    sides = np.sign(centre - WIDTH / 2) * (np.abs(centre - WIDTH / 2) > 25)
    apart = (sides[graph.pairs[:, 0]] * sides[graph.pairs[:, 1]]) > 0
    assert apart.any() and bend[apart].max() < 0.02 < bend.max()


def test_without_a_surface_the_trees_of_the_image_are_what_they_were() -> None:
    image = noisy_grey()
    plain, on_surface = graph_on(None, image), graph_on(plane_depth(0.0, 0.0, 1.0), image)
    for weights in HIERARCHIES:
        first, second = merge_regions(plain, weights), merge_regions(on_surface, weights)
        assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_a_tree_merges_the_cheapest_pair_first_and_its_costs_are_probabilities_with_a_bias() -> None:
    graph = graph_on(box_on_a_floor()[0], noisy_grey())
    weights = MergeWeights(edge=2.0, gap=1.5, bias=-1.0)
    merges, costs = merge_regions(graph, weights)
    cues = border_cues(graph)
    logits = 2.0 * cues[:, CUES.index("edge")] + 1.5 * cues[:, CUES.index("gap")] - 1.0
    assert costs[0] == pytest.approx((1 / (1 + np.exp(-logits))).min())
    assert tuple(merges[0]) == tuple(graph.pairs[logits.argmin()])
    assert ((costs > 0) & (costs < 1)).all()
    assert np.array_equal(merges, merge_regions(graph, replace(weights))[0])


def test_sums_inside_and_along_the_outline_are_those_over_its_pairs() -> None:
    graph = graph_on(None, np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    members = np.random.default_rng(2).random((9, graph.count)) < 0.4
    along = np.stack([graph.lengths, graph.edges], axis=1)
    outline = cut_pairs(graph, members) @ along
    inside = sums_inside(graph, members, along, outline)
    for c, row in enumerate(members):
        one, other = row[graph.pairs].T
        np.testing.assert_allclose(outline[c], along[one != other].sum(0))
        np.testing.assert_allclose(inside[c], along[one & other].sum(0), rtol=1e-4, atol=1e-2)


def test_what_was_learned_is_read_as_it_was_written() -> None:
    path = Path(image_package.__path__[0]) / "learned.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    known, again = learned(), of_plain(plain)
    assert known.trees == again.trees and known.different == again.different
    assert np.array_equal(known.likeness.weights, plain["likeness"]["weights"])
    graph = graph_on(box_on_a_floor()[0], noisy_grey())
    features = surface_features(graph, np.eye(graph.count, dtype=bool)[:3], known.different)
    x = (features - known.likeness.mean) / known.likeness.deviation
    i, j = np.triu_indices(x.shape[1])
    expected = np.concatenate([x, x[:, i] * x[:, j], np.ones((3, 1))], axis=1) @ known.likeness.weights
    np.testing.assert_allclose(known.likeness(features), expected)
