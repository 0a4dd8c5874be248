"""From masks found for words in some views to objects, with a finder that answers from the truth, with mistakes."""

import numpy as np
import pytest
import torch
from scenes import MaskedThings, masked_things, whole_masks

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.words.agreed_objects import agreed_objects

WHOLE: dict[int, list[np.ndarray]] = {}
"""The true masks (H,W) of things 1, 2, 3 in every view."""


def _remembered(index: int, parts: np.ndarray) -> list[np.ndarray]:
    WHOLE[index] = whole_masks(index, parts)
    return WHOLE[index]


@pytest.fixture(scope="module")
def scene() -> MaskedThings:
    return masked_things(_remembered)


def _found(scene: MaskedThings, things_in: dict[int, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Masks by view: things_in says which things a view shows as found; views not named show none."""
    masks = {}
    for index, view in enumerate(scene.views):
        chosen = [WHOLE[index][thing - 1] for thing in things_in.get(index, ())]
        masks[view.name] = np.array(chosen, bool).reshape(-1, *WHOLE[index][0].shape)
    return masks


def _agreed(scene: MaskedThings, things_in: dict[int, tuple[int, ...]], hierarchy: Hierarchy | None = None):  # type: ignore[no-untyped-def]
    splats = scene.splats.replace(segment_ids=torch.from_numpy(scene.label.astype(np.int32) + 4))
    return agreed_objects(splats, scene.views, _found(scene, things_in), hierarchy)


def test_a_thing_found_in_most_views_is_found(scene: MaskedThings) -> None:
    objects = _agreed(scene, dict.fromkeys(range(6), (2,)))
    assert len(objects.members) == 1
    np.testing.assert_array_equal(objects.members[0], scene.label == 2)
    assert objects.supports[0] == pytest.approx(0.75, abs=0.12)


def test_two_things_are_two_objects(scene: MaskedThings) -> None:
    objects = _agreed(scene, dict.fromkeys(range(8), (1, 3)))
    assert {tuple(np.unique(scene.label[members])) for members in objects.members} == {(1,), (3,)}


def test_one_wrong_box_does_not_matter(scene: MaskedThings) -> None:
    objects = _agreed(scene, {**dict.fromkeys(range(7), (2,)), 7: (1,)})
    assert [tuple(np.unique(scene.label[members])) for members in objects.members] == [(2,)]


def test_words_found_here_and_there_on_different_things_are_refused(scene: MaskedThings) -> None:
    objects = _agreed(scene, {0: (1,), 1: (2,), 2: (3,), 5: (2,)})
    assert objects.members == () and 0 < objects.best < 0.3


def test_nothing_found_anywhere_is_nothing(scene: MaskedThings) -> None:
    assert _agreed(scene, {}).members == ()


def test_a_whole_that_is_no_segment_is_found_in_the_hierarchy(scene: MaskedThings) -> None:
    # Things 1 and 2 are halves of what the words mean.
    joined = {view.name: (WHOLE[i][0] | WHOLE[i][1])[None] for i, view in enumerate(scene.views)}
    hierarchy = Hierarchy(
        atoms=scene.label.astype(np.int32),
        merges=np.array([[1, 2]], np.int32),
        levels=np.array([0.8], np.float32),
    )
    objects = agreed_objects(scene.splats, scene.views, joined, hierarchy)
    assert len(objects.members) == 1
    np.testing.assert_array_equal(objects.members[0], scene.label != 3)
