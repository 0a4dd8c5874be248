"""Prompts that a selection does not meet are said, by view and pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import ring, things

from splatseg.cameras.camera import Camera
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.select.doubts import doubts_of
from splatseg.select.knowledge import Knowledge
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import select_by_prompts
from splatseg.select.session import Session

CAMERAS = ring(4)
SPLATS, THING = things()
SPLATS = SPLATS.replace(
    features=torch.tensor(np.eye(8)[THING] + 0.02 * np.random.default_rng(0).normal(size=(len(THING), 8))).float(),
    segment_ids=torch.tensor(THING).int(),
)
SESSION = Session(SPLATS)
HIERARCHY = Hierarchy(THING.astype(np.int32), np.zeros((0, 2), np.int32), np.zeros(0, np.float32))


def where(camera: Camera) -> str:
    return f"{next(k for k, one in enumerate(CAMERAS) if one is camera)}.jpg"


def doubts(prompts: list[Prompt], members: np.ndarray | None = None, more: bool = False) -> tuple[str, ...]:
    if members is None:
        members = select_by_prompts(SESSION, prompts, Knowledge(hierarchy=HIERARCHY)).members
    return doubts_of(SESSION, prompts, members, where, HIERARCHY, more)


def click(view: int, thing: int, wanted: bool = True) -> Prompt:
    pixels, depths = CAMERAS[view].project(SPLATS.means.numpy()[thing == THING].astype(np.float64))
    x, y = pixels[int(depths.argmin())]
    return Prompt(CAMERAS[view], click=(float(x), float(y)), wanted=wanted)


def mask(view: int, thing: int, wanted: bool = True) -> Prompt:
    return Prompt(CAMERAS[view], mask=SESSION.mask(CAMERAS[view], thing == THING), wanted=wanted)


def box(view: int, thing: int, wanted: bool = True) -> Prompt:
    rows, columns = np.nonzero(SESSION.mask(CAMERAS[view], thing == THING))
    corners = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return Prompt(CAMERAS[view], box=corners, wanted=wanted)


@pytest.mark.parametrize("kind", [click, mask, box])
@pytest.mark.parametrize("thing", [1, 2, 3])
def test_a_prompt_that_is_met_is_not_doubted(kind, thing: int) -> None:
    assert doubts([kind(0, thing)]) == ()
    assert doubts([kind(0, thing), kind(0, 1 + thing % 3, False)]) == ()
    assert doubts([kind(0, thing), kind(2, thing)]) == ()
    assert doubts([kind(0, thing), click(2, 1 + thing % 3)]) == () or kind is mask


def test_clicks_that_contradict_each_other_are_said_by_view_and_pixel() -> None:
    wanted, unwanted = click(0, 2), click(2, 2, False)
    x, y = (int(side) for side in wanted.click)
    assert doubts([wanted, unwanted], THING == 1) == (
        f"the wanted click ({x}, {y}) in 0.jpg is outside the selection; change that prompt or those against it",
    )
    x, y = (int(side) for side in unwanted.click)
    assert doubts([wanted, unwanted], THING == 2) == (
        f"the unwanted click ({x}, {y}) in 2.jpg is still inside the selection; change that prompt or those against it",
    )


def test_masks_of_different_things_in_two_views_are_said() -> None:
    told = doubts([mask(0, 1), mask(2, 2)])
    assert told and all("the selection hardly fits the mask at (" in one and "(IoU 0." in one for one in told)
    assert {one.split(" in ")[1].split(" ")[0] for one in told} <= {"0.jpg", "2.jpg"}


def test_a_box_that_excludes_a_wanted_click_is_said() -> None:
    (told,) = doubts([box(0, 1), click(0, 2)])
    assert "is outside the box (" in told and "both were added up" in told


def test_a_selection_beside_its_only_mask_or_box_is_said() -> None:
    (told,) = doubts([mask(0, 1)], THING == 3)
    assert told.startswith("the selection hardly fits the mask at (") and told.endswith("; prompt in another view")
    (told,) = doubts([box(0, 1)], THING == 3)
    assert told.startswith("the selection is hardly in the box (") and "IoU of its extent 0." in told


def test_what_was_added_to_a_selection_is_judged_by_itself() -> None:
    both = np.isin(THING, [1, 2])
    assert doubts([mask(0, 2)], both, more=True) == () and doubts([box(0, 2)], both, more=True) == ()
    (told,) = doubts([mask(0, 2)], THING == 1, more=True)
    assert "only 0% of the mask at (" in told


def test_an_unwanted_region_that_stays_is_said() -> None:
    for kind, name in ((mask, "mask at"), (box, "box")):
        (told,) = doubts([click(0, 1), kind(0, 1, False)], THING == 1)
        assert f"of the unwanted {name} (" in told and "is still selected" in told
