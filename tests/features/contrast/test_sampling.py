"""Every mask has its pixels, also the small and the nested; weights beyond the memory are made anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.features.contrast.sampling import FEWEST_PIXELS, SampledViews
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.masks.segments import Segments, from_masks
from splatseg.votes.votes import collect_votes


@dataclass(frozen=True)
class View:
    name: str
    camera: Camera


@dataclass(frozen=True)
class Masks:
    segments: dict[str, Segments]

    def read(self, view: View) -> Segments | None:
        return self.segments.get(view.name)


def scene(**changes: object) -> tuple[SampledViews, list[View], Masks]:
    """Nested masks: a large one, half of it, and a few pixels of that; the second view has none."""
    splats, _ = things()
    views = [View(f"{i}.png", camera) for i, camera in enumerate(ring(3))]
    shape = (views[0].camera.height, views[0].camera.width)
    whole, half, dot = (np.zeros(shape, bool) for _ in range(3))
    whole[4:20, 4:32] = half[4:20, 4:18] = dot[10:12, 8:10] = True
    masks = Masks({view.name: from_masks(np.stack([whole, half, dot])) for view in views if view.name != "1.png"})
    votes = collect_votes(splats, views, masks)  # type: ignore[arg-type]
    settings = ContrastSettings(**({"pixels_a_view": 100, "rounds": 4, "uses": 2} | changes))  # type: ignore[arg-type]
    counts = np.ones(votes.weights.shape[1], bool)
    return SampledViews(splats, views, masks, votes, counts, settings), views, masks  # type: ignore[arg-type]


def test_pixels_lie_in_the_mask_they_were_drawn_for_and_every_mask_has_some():
    sampled, views, masks = scene()
    assert len(sampled) == 2
    for i, view in enumerate((views[0], views[2])):
        sample = sampled.next(i)
        column = 3 * i
        for mask in range(3):
            pixels = sample.plan.pixels[sample.masks == column + mask]
            assert len(pixels) >= FEWEST_PIXELS
            inside = masks.segments[view.name].mask(mask + 1)
            assert inside[pixels[:, 1], pixels[:, 0]].all()


def test_small_masks_have_more_than_their_share_of_pixels():
    drawn = {}
    for stratified in (True, False):
        sampled, _, _ = scene(stratified=stratified)
        masks = sampled.next(0).masks
        drawn[stratified] = float((masks == 2).float().mean())
    assert drawn[True] > 3 * drawn[False]


def test_nested_masks_are_related_and_flattened_only_the_smallest_is_drawn():
    nested, _, masks = scene()
    assert nested.next(0).related.all()
    flat, views, _ = scene(nested=False, pixels_a_view=400)
    sample = flat.next(0)
    x, y = sample.plan.pixels[sample.masks == 0].T
    assert not masks.segments[views[0].name].mask(2)[y, x].any()


def test_a_sample_is_used_and_then_the_next_takes_its_turn_until_they_begin_again():
    sampled, _, _ = scene()
    seen = [sampled.next(0).plan.pixels.tolist() for _ in range(10)]
    assert seen[0] == seen[1] != seen[2] and seen[8] == seen[0]


def test_without_memory_the_same_weights_are_made_anew():
    kept, _, _ = scene()
    poor, _, _ = scene(memory=0)
    for i in (0, 1, 0, 1):
        a, b = kept.next(i), poor.next(i)
        assert a.plan.pixels.tolist() == b.plan.pixels.tolist() and a.plan.size == b.plan.size
    assert len(poor._kept) == 1


@pytest.mark.parametrize("stratified", [True, False])
def test_masks_that_do_not_count_are_not_drawn_and_views_of_none_left_out(stratified):
    splats, _ = things()
    views = [View(f"{i}.png", camera) for i, camera in enumerate(ring(3))]
    mask = np.ones((views[0].camera.height, views[0].camera.width), bool)
    masks = Masks({view.name: from_masks(mask[None]) for view in views})
    votes = collect_votes(splats, views, masks)  # type: ignore[arg-type]
    settings = ContrastSettings(stratified=stratified)
    sampled = SampledViews(splats, views, masks, votes, np.array([False, True, False]), settings)  # type: ignore[arg-type]
    assert len(sampled) == 1 and set(sampled.next(0).masks.tolist()) == {1}
