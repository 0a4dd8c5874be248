"""Regions in a workspace: what is drawn changes its selection, hidden things stay out, every stroke is one step."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_scenes import ALONG, CAMERA, carrying, on, workspace

from splatseg.errors import PromptError
from splatseg.regions.drawn import brush_pixels, lasso_pixels
from splatseg.scene.scene import Scene
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.region_tools import RegionTools
from splatseg.viewer.workspace.workspace import Workspace


def plain() -> tuple[Workspace, np.ndarray]:
    """A workspace on a splat without features and segments."""
    splats, thing = carrying()
    return Workspace(ShownScene(splats.plain(), "plain")), thing


def disc(space: Workspace, members: np.ndarray, radius: float = 14.0) -> np.ndarray:
    return brush_pixels([on(space, members)], radius, CAMERA.width, CAMERA.height)


def test_a_stroke_equals_the_function_of_the_scene() -> None:
    space, _ = plain()
    tools = RegionTools(space)
    outline = [(5, 5), (80, 10), (60, 75), (10, 60)]
    region = lasso_pixels(outline, CAMERA.width, CAMERA.height)
    scene = Scene(space.scene.splats, "the same")
    for takes in ("visible", "everything"):
        tools.drawn(CAMERA, region, takes)
        expected = scene.lasso(CAMERA, outline, visible=takes == "visible")
        np.testing.assert_array_equal(space.members, expected.members)


def test_strokes_add_take_away_and_are_undone_one_by_one() -> None:
    space, thing = plain()
    tools = RegionTools(space)
    tools.drawn(CAMERA, disc(space, thing == 1), "everything")
    one = space.members.copy()
    np.testing.assert_array_equal(one, thing == 1)
    tools.drawn(CAMERA, disc(space, thing == 2), "everything", "add")
    both = space.members.copy()
    np.testing.assert_array_equal(both, thing <= 2)
    tools.drawn(CAMERA, disc(space, thing == 1), "everything", "remove")
    np.testing.assert_array_equal(space.members, thing == 2)
    space.undo()
    np.testing.assert_array_equal(space.members, both)
    space.undo()
    np.testing.assert_array_equal(space.members, one)


def test_visible_leaves_what_stands_behind_and_hiding_the_front_uncovers_it() -> None:
    space, thing = plain()
    tools = RegionTools(space)
    whole = np.ones((ALONG.height, ALONG.width), dtype=bool)
    tools.drawn(ALONG, whole, "visible")
    assert (space.members & (thing == 1)).sum() > 5
    assert (space.members & (thing == 2)).sum() < 5, "it stands behind the first"
    space.select_gaussians(thing == 1)
    space.hide_selection()
    tools.drawn(ALONG, whole, "visible")
    assert not (space.members & (thing == 1)).any()
    assert (space.members & (thing == 2)).sum() > 5
    tools.drawn(ALONG, whole, "everything")
    np.testing.assert_array_equal(space.members, thing != 1)


def test_an_object_is_taken_by_what_covers_it() -> None:
    space, thing = workspace()
    tools = RegionTools(space)
    mask = space.scene.session.mask(CAMERA, thing == 2)
    tools.drawn(CAMERA, mask, "objects")
    np.testing.assert_array_equal(space.members, thing == 2)
    tools.drawn(CAMERA, space.scene.session.mask(CAMERA, thing == 3), "objects", "add")
    np.testing.assert_array_equal(space.members, thing != 1)
    tools.drawn(CAMERA, mask, "objects", "remove")
    np.testing.assert_array_equal(space.members, thing == 3)


def test_a_stroke_over_nothing_says_so_and_changes_nothing() -> None:
    space, thing = plain()
    tools = RegionTools(space)
    tools.drawn(CAMERA, disc(space, thing == 1), "everything")
    before = space.step
    with pytest.raises(PromptError, match="nothing lies in what was drawn; draw it over something"):
        tools.drawn(CAMERA, brush_pixels([(1, 1)], 1.0, CAMERA.width, CAMERA.height), "visible", "add")
    with pytest.raises(PromptError, match="nothing is selected; select something first, and it is flooded"):
        RegionTools(plain()[0]).flood()
    assert space.step is before


def test_a_flood_and_a_colour_change_the_selection() -> None:
    space, thing = plain()
    tools = RegionTools(space)
    tools.alike(CAMERA, on(space, thing == 2), 0.05)
    np.testing.assert_array_equal(space.members, thing == 2)
    tools.drawn(CAMERA, disc(space, thing == 3, 3.0), "visible")
    tools.flood(tolerance=0.05)
    np.testing.assert_array_equal(space.members, thing == 3)
    with pytest.raises(PromptError, match="nothing more touches the selection"):
        tools.flood(tolerance=0.05)


def test_moves_of_a_range_are_one_step_and_start_from_the_same_selection() -> None:
    space, thing = plain()
    tools = RegionTools(space)
    space.select_gaussians(thing == 1)
    size = float(space.scene.regions.sizes[0])
    for low in (2.0, 1.5, 0.5):
        tools.between(None, (low * size, np.inf), "add")
    assert space.members.all()
    tools.between(None, (3.0 * size, np.inf), "add")
    np.testing.assert_array_equal(space.members, thing == 1)
    space.undo()
    np.testing.assert_array_equal(space.members, thing == 1)
    assert space.can_undo
    space.undo()
    assert not space.count


def test_growing_and_shrinking_undo_each_other_and_say_before_what_they_do() -> None:
    space, thing = workspace()
    assert space.next_steps() == ("", "")
    space.click(CAMERA, on(space, thing == 1))
    assert space.next_steps() == ("segment 3, 40 Gaussians", "part of segment 1, 20 Gaussians")
    RegionTools(space).drawn(CAMERA, disc(space, thing == 1, 2.0), "everything", "remove")
    edited = space.members.copy()
    space.grow()
    assert space.count > edited.sum()
    space.shrink()
    np.testing.assert_array_equal(space.members, edited)
    space.shrink()
    space.grow()
    np.testing.assert_array_equal(space.members, edited)
    space.invert()
    space.undo()
    space.grow()
    space.shrink()
    np.testing.assert_array_equal(space.members, edited)
