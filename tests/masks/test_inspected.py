"""Masks that cannot be of the scene are told before they vote."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import MaskedView, ring

from splatseg.masks.inspected import Inspected
from splatseg.masks.segments import Segments, from_label_map, from_masks

VIEWS = [MaskedView(f"{index}.png", camera) for index, camera in enumerate(ring(6))]


class Given:
    """Masks by view, in order."""

    def __init__(self, masks: list[Segments | None]) -> None:
        self._masks = {view.name: one for view, one in zip(VIEWS, masks, strict=True)}

    def read(self, view: MaskedView) -> Segments | None:
        return self._masks[view.name]


def troubles(masks: list[Segments | None]) -> list[str]:
    inspected = Inspected(Given(masks))
    for view in VIEWS * 2:  # to read a view again changes nothing
        assert inspected.read(view) is Given(masks).read(view)
    return inspected.troubles()


def things(shift: int) -> np.ndarray:
    labels = np.zeros((24, 36), dtype=np.int32)
    labels[4 + shift : 12 + shift, 2:10], labels[4:20, 20 + shift : 30 + shift] = 1, 2
    return labels


def test_masks_that_follow_the_scene_are_not_told() -> None:
    assert troubles([from_label_map(things(k)) for k in range(6)]) == []
    nested = [from_masks(np.stack([things(k) > 0, things(k) == 1, things(k) == 2])) for k in range(6)]
    assert troubles(nested) == []
    whole = [from_masks(np.stack([np.ones((24, 36), bool), things(k) == 1])) for k in range(6)]
    assert troubles(whole) == []
    assert troubles([None] * 5 + [from_label_map(things(0))]) == []


def test_one_file_copied_to_every_view_is_told_with_the_share_of_views() -> None:
    copied: list[Segments | None] = [from_label_map(things(0)) for _ in range(5)]
    (told,) = troubles([*copied, from_label_map(things(2))])
    assert told.startswith("2 masks are the same, pixel for pixel, in 5 of 6 views")


def test_a_watermark_among_sound_masks_is_told() -> None:
    mark = np.zeros((24, 36), dtype=bool)
    mark[20:23, 30:35] = True
    (told,) = troubles([from_masks(np.stack([mark, things(k) == 1])) for k in range(6)])
    assert told.startswith("1 mask is the same, pixel for pixel, in 6 of 6 views (a frame, a watermark, a copy)")
    assert troubles([from_masks(np.stack([mark, things(k) == 1])[k % 2 :]) for k in range(6)]) == []


def test_masks_of_a_view_that_all_lie_in_one_another_are_told() -> None:
    def dolls(shift: int) -> Segments:
        masks = np.zeros((5, 24, 36), dtype=bool)
        for number, mask in enumerate(masks):
            mask[number + shift : 20 - number, number : 30 - number] = True
        return from_masks(masks)

    (told,) = troubles([dolls(k % 4) for k in range(5)] + [from_label_map(things(0))])
    assert told.startswith("all masks of a view lie in one another in 5 of 6 views")


@pytest.mark.parametrize("count", [2, 7])
def test_copies_of_one_mask_in_a_view_are_told(count: int) -> None:
    (told,) = troubles([from_masks(np.stack([things(k) == 1] * count)) for k in range(6)])
    assert told.startswith("all masks of a view are copies of one mask in 6 of 6 views")
