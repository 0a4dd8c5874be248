"""Masks that belong elsewhere are told by how few views fit what the others show."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import masked_things, whole_masks
from scipy import sparse

from splatseg.cluster.cluster import cluster_splats
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.mask_fit import fit_of_views, misfit
from splatseg.cluster.settings import ClusterSettings
from splatseg.features.lift.embed import embed_votes
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

ATOMS = np.arange(1, 6, dtype=np.int32)
HIERARCHY = Hierarchy(ATOMS, np.array([[1, 2], [3, 4]], dtype=np.int32), np.array([0.2, 0.3], dtype=np.float32))
"""{1, 2} and {3, 4} are things, 5 is another."""

WHOLE = [[1, 2], [3, 4], [5]]
NAMES = [f"{view}.png" for view in range(8)]


def fits_of(views: list[list[list[int]]]) -> np.ndarray:
    columns = [(view, np.isin(ATOMS, mask) * np.float32(20)) for view, masks in enumerate(views) for mask in masks]
    weights = sparse.csr_array(np.stack([column for _, column in columns], axis=1))
    count = len(columns)
    view_of = np.array([view for view, _ in columns], dtype=np.int32)
    ones, areas = np.ones(count, dtype=np.int32), np.full(count, 9, dtype=np.int64)
    seen = np.asarray(weights.sum(1)).ravel()
    votes = Votes(weights, view_of, ones, areas, seen, tuple(NAMES[: len(views)]), np.zeros(count, dtype=np.int32))
    return fit_of_views(Agreement(votes), HIERARCHY)


def test_masks_that_agree_fit() -> None:
    np.testing.assert_allclose(fits_of([WHOLE] * 8), 1.0, atol=1e-6)
    assert misfit(fits_of([WHOLE] * 8), NAMES) == ""


def test_the_view_that_shows_something_else_is_named() -> None:
    fits = np.array([0.9, 0.8, 0.3, 0.9, 0.85, 0.9, 0.9, 0.9])
    assert misfit(fits, NAMES) == "the masks of 7 of 8 views fit what the others show; look at the masks of 2.png"
    strange = fits_of([WHOLE] * 7 + [[[1, 3], [2, 4, 5]]])
    assert strange[-1] < strange[:-1].min()


def test_masks_of_another_scene_cannot_be_trusted() -> None:
    said = misfit(np.array([0.4, 0.5, 0.3, 0.6, 0.45, 0.4, 0.4, 0.4]), NAMES)
    assert said.startswith("the masks of 1 of 8 views fit what the others show, so segments cannot be trusted")
    assert "check that the masks belong to this capture" in said


@pytest.mark.parametrize("bad", [1, 3, 4])
def test_no_more_than_three_views_are_named(bad: int) -> None:
    said = misfit(np.array([0.1] * bad + [0.9] * (8 - bad)), NAMES)
    assert said.count(".png") == min(bad, 3) and said.endswith("and others") == (bad > 3)


def test_a_view_of_3000_masks_is_named_and_does_not_decide() -> None:
    rng = np.random.default_rng(0)

    def masks(index: int, parts: np.ndarray) -> list[np.ndarray]:
        rows, columns = np.ogrid[: parts.shape[0], : parts.shape[1]]
        discs = rng.integers((0, 0, 2), (parts.shape[1], parts.shape[0], 9), size=(3000, 3))
        many = [(columns - x) ** 2 + (rows - y) ** 2 < radius**2 for x, y, radius in discs]
        return many if index == 3 else whole_masks(index, parts)

    scene = masked_things(masks)
    votes = collect_votes(scene.splats, scene.views, scene)
    assert votes.weights.shape[1] > 3000
    agreement = Agreement(votes)
    features = torch.from_numpy(embed_votes(votes, None, scene.splats.means.numpy()))
    found = cluster_splats(scene.splats.replace(features=features), ClusterSettings(), votes, agreement)
    for label in (1, 2, 3):
        best = np.bincount(found.ids[scene.label == label]).argmax()
        shared = ((found.ids == best) & (scene.label == label)).sum()
        assert shared / ((found.ids == best) | (scene.label == label)).sum() > 0.9
    told = misfit(fit_of_views(agreement, found.hierarchy), [view.name for view in scene.views])
    assert told == "the masks of 7 of 8 views fit what the others show; look at the masks of 3.png"
