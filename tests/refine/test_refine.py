"""Refining from end to end: two halves of a wall, and long Gaussians across the seam between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scenes import ring

from splatseg.capture.view import View
from splatseg.evaluate.segmentation import boundary_iou
from splatseg.masks.segments import Segments, from_label_map
from splatseg.refine.refine import Refined, refine_boundaries
from splatseg.refine.settings import RefineSettings
from splatseg.render.label_maps import label_map
from splatseg.render.rgb import render_rgb
from splatseg.splats.splats import Splats
from splatseg.train.losses import psnr

VIEWS = [
    View(f"{number}.png", camera) for number, camera in enumerate(ring(8, radius=2.5, width=72, height=48, focal=60))
]
SEEN = [view for view in VIEWS if abs(view.camera.viewmat[2, 2]) > 0.5]
"""Those that see the wall from the front or from behind, not along it."""


@dataclass
class Masks:
    """What `collect_votes` reads."""

    segments: dict[str, Segments]

    def read(self, view: View) -> Segments | None:
        return self.segments.get(view.name)


def wall(xs: np.ndarray, wide: float) -> Splats:
    """Opaque Gaussians in columns at xs in the plane z = 0, each `wide` along x; segment 1 where x <= 0, 2 beyond."""
    x, y = (axis.ravel() for axis in np.meshgrid(xs, np.arange(-0.6, 0.61, 0.06)))
    count = len(x)
    return Splats(
        means=torch.tensor(np.stack([x, y, 0 * x], 1), dtype=torch.float32),
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1),
        log_scales=torch.tensor([[wide, 0.04, 0.01]]).log().repeat(count, 1),
        opacity_logits=torch.full((count,), 3.0),
        sh0=torch.tensor([[0.5, 0.2, -0.3]]).repeat(count, 1),
        shN=torch.zeros(count, 0, 3),
        segment_ids=torch.tensor(np.where(x <= 0, 1, 2), dtype=torch.int32),
    )


def joined(*parts: Splats) -> Splats:
    names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "segment_ids")
    return Splats(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


FINE = np.arange(-0.81, 0.82, 0.06) + 1e-4
TRUTH = {view.name: label_map(wall(FINE, 0.04), view.camera) for view in SEEN}
MASKS = Masks({name: from_label_map(labels) for name, labels in TRUTH.items()})


@pytest.fixture(scope="module")
def coarse() -> Splats:
    """The wall with long Gaussians across the seam, all of them counted to its left half."""
    return joined(wall(FINE[np.abs(FINE) > 0.25], 0.04), wall(np.array([-0.04]), 0.17))


@pytest.fixture(scope="module")
def refined(coarse: Splats) -> Refined:
    return refine_boundaries(coarse, SEEN, MASKS)


def edges(splats: Splats) -> float:
    scores = []
    for view in SEEN:
        labels = label_map(splats, view.camera)
        scores += [boundary_iou(labels == k, TRUTH[view.name] == k) for k in (1, 2)]
    return float(np.mean(scores))


def test_boundaries_come_to_lie_where_the_masks_have_them(coarse: Splats, refined: Refined):
    assert refined.split > 0
    assert edges(coarse) < 0.8
    assert edges(refined.splats) > edges(coarse) + 0.1


def test_the_picture_stays(coarse: Splats, refined: Refined):
    for view in SEEN:
        assert psnr(render_rgb(refined.splats, view.camera), render_rgb(coarse, view.camera)) > 30


def test_every_gaussian_knows_where_it_comes_from(coarse: Splats, refined: Refined):
    children = np.bincount(refined.parent, minlength=len(coarse))
    assert set(children.tolist()) <= {1, 3}
    assert (children == 3).sum() == refined.split
    assert len(refined.splats) == len(coarse) + 2 * refined.split
    assert refined.moved[children[refined.parent] == 3].all()


def test_what_lies_within_one_segment_is_not_touched(coarse: Splats, refined: Refined):
    still = ~refined.moved
    assert still.sum() > len(coarse) // 3
    for name in ("means", "quats", "log_scales", "opacity_logits", "sh0", "segment_ids"):
        before = getattr(coarse, name)[refined.parent[still]]
        assert torch.equal(getattr(refined.splats, name)[still], before), name


def test_the_votes_are_those_of_the_refined_splat_and_nearly_as_many(coarse: Splats, refined: Refined):
    before = refine_boundaries(coarse, SEEN, MASKS, RefineSettings(rounds=0, steps=0)).votes
    assert refined.votes.weights.shape == (len(refined.splats), before.weights.shape[1])
    assert refined.votes.weights.sum() == pytest.approx(before.weights.sum(), rel=0.02)


def test_the_splat_that_was_given_is_not_changed():
    splats = joined(wall(FINE[np.abs(FINE) > 0.25], 0.04), wall(np.array([-0.04]), 0.17))
    kept = {name: getattr(splats, name).clone() for name in ("means", "quats", "log_scales", "segment_ids")}
    refine_boundaries(splats, SEEN, MASKS, RefineSettings(steps=3))
    for name, value in kept.items():
        assert torch.equal(getattr(splats, name), value), name


def test_the_same_input_gives_the_same_bits(coarse: Splats, refined: Refined):
    again = refine_boundaries(coarse, SEEN, MASKS)
    for name in ("means", "quats", "log_scales", "opacity_logits", "segment_ids"):
        assert torch.equal(getattr(again.splats, name), getattr(refined.splats, name)), name


def test_where_nothing_straddles_the_splat_stays_what_it_is():
    left = wall(FINE[FINE < -0.2], 0.04)
    alone = {view.name: from_label_map((label_map(left, view.camera) > 0).astype(np.int32)) for view in SEEN}
    result = refine_boundaries(left, SEEN, Masks(alone))
    assert result.split == 0 and not result.moved.any()
    np.testing.assert_array_equal(result.parent, np.arange(len(left)))
    for name in ("means", "quats", "log_scales", "opacity_logits", "segment_ids"):
        assert torch.equal(getattr(result.splats, name), getattr(left, name)), name


def test_a_splat_without_segments_is_refused(coarse: Splats):
    with pytest.raises(ValueError, match="no segment ids; cluster it first"):
        refine_boundaries(coarse.replace(segment_ids=None), SEEN, MASKS)
