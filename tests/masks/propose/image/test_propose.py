"""Laws of proposals: shapes are found, trees nest, a flat image has none, the same image gives the same masks."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.masks.propose.image.candidates import distinct, nodes_of, outlined, without_laden
from splatseg.masks.propose.image.cues import find_cues
from splatseg.masks.propose.image.merge_trees import MergeWeights, merge_regions
from splatseg.masks.propose.image.propose import HIERARCHIES, ImageProposalSettings, propose_masks
from splatseg.masks.propose.image.regions import RegionGraph, flood, region_graph


def three_shapes(height: int = 150, width: int = 201) -> tuple[np.ndarray, list[np.ndarray]]:
    """A red disc, a green square and a blue bar on grey, with noise; and their masks."""
    y, x = np.mgrid[:height, :width]
    shapes = [
        (y - 45) ** 2 + (x - 50) ** 2 < 30**2,
        (abs(y - 50) < 28) & (abs(x - 145) < 28),
        (abs(y - 115) < 14) & (abs(x - 100) < 80),
    ]
    image = np.full((height, width, 3), 128.0)
    for shape, color in zip(shapes, [(200, 40, 40), (40, 170, 60), (40, 60, 200)], strict=True):
        image[shape] = color
    image += np.random.default_rng(0).normal(0, 4, image.shape)
    return image.clip(0, 255).astype(np.uint8), shapes


def best_iou(masks: np.ndarray, shape: np.ndarray) -> float:
    return max((masks & shape).sum((1, 2)) / (masks | shape).sum((1, 2)))


def graph_of(image: np.ndarray) -> RegionGraph:
    cues = find_cues(image, 0.5)
    return region_graph(flood(cues, 0.5), cues)


def test_each_of_three_coloured_shapes_has_its_mask() -> None:
    image, shapes = three_shapes()
    masks, scores = propose_masks(image)
    assert masks.dtype == bool and masks.shape == (len(scores), *image.shape[:2])
    assert scores.dtype == np.float32 and (np.diff(scores) <= 0).all() and scores.min() >= 0 and scores.max() <= 1
    for shape in shapes:
        assert best_iou(masks, shape) > 0.95


def test_the_same_image_gives_the_same_masks_to_the_bit() -> None:
    image, _ = three_shapes()
    first, again = propose_masks(image), propose_masks(image.copy())
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])


def test_an_image_of_one_colour_has_at_most_one_mask() -> None:
    assert len(propose_masks(np.full((90, 120, 3), 77, np.uint8))[0]) <= 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (2, 2, 3), (5, 7, 3), (37, 3, 3), (31, 53)])
def test_tiny_odd_and_grey_images_are_no_trouble(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    masks, scores = propose_masks(image)
    assert masks.shape == (len(scores), *shape[:2])
    assert all(mask.any() for mask in masks)


def test_grey_in_one_channel_or_three_is_the_same_picture() -> None:
    grey = three_shapes()[0][..., 1]
    assert np.array_equal(propose_masks(grey)[0], propose_masks(np.stack([grey] * 3, axis=2))[0])


def test_masks_are_neither_too_small_nor_too_large_nor_too_many_nor_too_alike() -> None:
    image, _ = three_shapes()
    settings = ImageProposalSettings(smallest=0.01, largest=0.5, overlap=0.7, most=12)
    masks, _ = propose_masks(image, settings)
    shares = masks.mean((1, 2))
    assert 0 < len(masks) <= 12 and shares.min() >= 0.01 and shares.max() <= 0.5
    flat = masks.reshape(len(masks), -1).astype(float)
    common = flat @ flat.T
    ious = common / (flat.sum(1)[:, None] + flat.sum(1) - common)
    assert (ious - np.eye(len(masks))).max() <= 0.7 + 1e-6


def test_a_large_image_is_worked_on_reduced_and_answered_in_full() -> None:
    image, shapes = three_shapes()
    masks, _ = propose_masks(np.kron(image, np.ones((3, 3, 1), np.uint8))[:-1, :-2], ImageProposalSettings(longest=300))
    assert masks.shape[1:] == (449, 601)
    for shape in shapes:
        assert best_iou(masks, np.kron(shape, np.ones((3, 3), bool))[:-1, :-2]) > 0.9


@pytest.mark.parametrize("weights", HIERARCHIES)
def test_nodes_of_one_tree_are_nested_or_apart_and_its_root_is_the_image(weights: MergeWeights) -> None:
    graph = graph_of(three_shapes()[0])
    merges, costs = merge_regions(graph, weights)
    assert merges.shape == (graph.count - 1, 2) and costs.shape == (graph.count - 1,)
    assert sorted(merges.ravel()) == list(range(2 * graph.count - 2)), "every node but the root has one parent"
    members = nodes_of(graph, merges, 0, np.inf).astype(int)
    sizes, common = members.sum(1), members @ members.T
    assert ((common == 0) | (common == np.minimum(sizes[:, None], sizes))).all()
    assert sizes.max() == graph.count


def test_superpixels_cover_the_image_and_their_borders_add_up() -> None:
    image, _ = three_shapes()
    graph = graph_of(image)
    assert graph.labels.min() == 0 and set(np.unique(graph.labels)) == set(range(graph.count))
    assert graph.areas.sum() == image.shape[0] * image.shape[1]
    sides = (np.diff(graph.labels, axis=0) != 0).sum() + (np.diff(graph.labels, axis=1) != 0).sum()
    assert graph.lengths.sum() == sides
    assert np.allclose(graph.histograms[:, :24].sum(1), 3 * graph.areas, rtol=1e-4)


def test_a_shape_of_stripes_merges_before_it_merges_with_its_surroundings() -> None:
    image, shapes = three_shapes()
    striped = image.copy()
    striped[shapes[2] & (np.arange(image.shape[1]) // 8 % 2 == 0)] = (230, 220, 60)
    assert best_iou(propose_masks(striped)[0], shapes[2]) > 0.9


def test_of_two_candidates_alike_the_better_one_stays() -> None:
    graph = graph_of(three_shapes()[0])
    members = np.zeros((3, graph.count), bool)
    members[0, :4] = members[1, :4] = members[2, -4:] = True
    assert list(distinct(graph, members, np.array([0.2, 0.9, 0.5]), 0.9, 10)) == [1, 2]


def test_what_only_faint_borders_surround_is_no_candidate() -> None:
    image, shapes = three_shapes()
    graph = graph_of(image)
    disc = np.array([shapes[0][graph.labels == r].mean() > 0.5 for r in range(graph.count)])
    background = ~np.any([[s[graph.labels == r].mean() > 0.1 for s in shapes] for r in range(graph.count)], axis=1)
    crumbs = np.eye(graph.count, dtype=bool)[background]
    kept = outlined(graph, np.vstack([disc, crumbs]), 0.2)
    assert np.array_equal(kept[0], disc) and len(kept) < 1 + len(crumbs) / 2


def test_a_large_surface_goes_with_what_lies_on_it_but_stays_without_and_things_stay_whole() -> None:
    image, shapes = three_shapes()
    graph = graph_of(image)
    on = np.array([[s[graph.labels == r].mean() > 0.5 for r in range(graph.count)] for s in shapes])
    table = ~on.any(axis=0)
    candidates = np.vstack([np.ones(graph.count, bool), table, on])
    pixels = graph.areas.sum()
    assert np.array_equal(without_laden(graph, candidates, 0.08 * pixels, 0.9), candidates[1:])
    assert np.array_equal(without_laden(graph, candidates, 2 * pixels, 0.9), candidates), "nothing is that large"
