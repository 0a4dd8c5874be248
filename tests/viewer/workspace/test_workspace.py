"""A workspace: prompts add up and take away in order, what is hidden is not there, and there is always a way back."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_scenes import ALONG, CAMERA, on, pixel_on, scene, workspace

from splatseg.errors import PromptError
from splatseg.scene.table import table_of_file
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.history import KEPT, Marker
from splatseg.viewer.workspace.workspace import Workspace


def same(space: Workspace, members: np.ndarray) -> None:
    np.testing.assert_array_equal(space.members, members)
    assert space.count == int(members.sum())


def test_clicks_select_add_and_take_away() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 1))
    same(space, thing == 1)
    space.click(CAMERA, on(space, thing == 2), "add")
    same(space, thing != 3)
    space.click(CAMERA, on(space, thing == 1), "remove")
    same(space, thing == 2)
    space.click(CAMERA, on(space, thing == 3))
    same(space, thing == 3)


def test_what_was_taken_away_can_be_added_again() -> None:
    space, thing = workspace()
    for label, how in ((1, "new"), (2, "add"), (2, "remove"), (2, "add")):
        space.click(CAMERA, on(space, thing == label), how)
    same(space, thing != 3)


def test_a_marker_stands_on_the_thing_that_was_clicked() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 2))
    space.click(CAMERA, on(space, thing == 1), "add")
    space.click(CAMERA, on(space, thing == 1), "remove")
    assert [marker.wanted for marker in space.markers] == [True, True, False]
    assert isinstance(space.markers[0], Marker)
    middle = space.scene.splats.means.numpy()[thing == 2].mean(0)
    assert np.linalg.norm(np.array(space.markers[0].xyz) - middle) < 0.45
    pixel, _ = CAMERA.project(np.array([space.markers[0].xyz]))
    np.testing.assert_allclose(pixel[0], on(space, thing == 2), atol=1e-6)


def test_a_box_selects_whichever_way_it_is_drawn() -> None:
    space, thing = workspace()
    pixels, _ = CAMERA.project(space.scene.splats.means.numpy()[thing == 2].astype(np.float64))
    (x0, y0), (x1, y1) = pixels.min(0) - 4, pixels.max(0) + 4
    space.box(CAMERA, (x1, y1, x0, y0))
    same(space, thing == 2)
    space.invert()
    space.box(CAMERA, (x0, y0, x1, y1), "add")
    assert space.members.all()
    space.box(CAMERA, (x0, y0, x1, y1), "remove")
    assert space.members[thing != 2].all() and space.members[thing == 2].mean() < 0.2


def test_a_click_takes_a_thing_from_what_was_chosen_otherwise() -> None:
    space, thing = workspace()
    for segment_id in (1, 2, 3):
        space.select_segment(segment_id, "add")
    assert space.members.all()
    space.click(CAMERA, on(space, thing == 1), "remove")
    same(space, thing != 1)


def test_a_click_never_takes_away_all_that_was_chosen_from_the_list() -> None:
    space, thing = workspace()
    space.select_segment(2)
    space.click(CAMERA, on(space, thing == 2), "remove")
    assert 0 < space.count < (thing == 2).sum()


def test_segments_of_the_list_are_selected_added_and_taken_away() -> None:
    space, thing = workspace()
    space.select_segment(1)
    space.select_segment(3, "add")
    same(space, thing != 2)
    space.select_segment(1, "remove")
    same(space, thing == 3)
    with pytest.raises(PromptError, match="no segment 9"):
        space.select_segment(9)


def test_undo_then_redo_is_the_identity_at_every_step() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 1))
    space.grow()
    space.hide_selection()
    space.click(CAMERA, on(space, thing == 2))
    space.set_granularity(0.1)
    space.invert()
    space.show_all()
    seen = []
    while space.can_undo:
        seen.append((space.members.copy(), space.hidden, space.granularity, space.markers))
        space.undo()
    assert space.count == 0 and space.hidden is None and len(seen) == 7
    for members, hidden, granularity, markers in reversed(seen):
        space.redo()
        same(space, members)
        assert (space.hidden is None) == (hidden is None) and space.granularity == granularity
        if hidden is not None:
            np.testing.assert_array_equal(space.hidden, hidden)
        assert space.markers == markers
    assert not space.can_redo


def test_fifty_steps_can_be_undone() -> None:
    space, _ = workspace()
    for _ in range(KEPT + 10):
        space.invert()
    for _ in range(KEPT):
        assert space.can_undo
        space.undo()
    assert not space.can_undo


def test_a_new_step_forgets_what_was_undone() -> None:
    space, _ = workspace()
    space.select_segment(1)
    space.undo()
    space.select_segment(2)
    assert not space.can_redo


def test_hidden_things_are_not_there_for_clicks() -> None:
    space, thing = workspace()
    pixel = pixel_on(space.scene.splats, thing == 1, ALONG)
    space.click(ALONG, pixel)
    same(space, thing == 1)
    space.hide_selection()
    assert space.count == 0 and space.visible_ids == {2, 3}
    space.click(ALONG, pixel)
    same(space, thing == 2)


def test_hiding_and_showing_is_the_identity() -> None:
    space, thing = workspace()
    space.select_segment(1)
    space.set_visible(2, False)
    assert space.visible_ids == {1, 3}
    space.set_visible(2, True)
    assert space.visible_ids == {1, 2, 3} and space.hidden is None
    same(space, thing == 1)
    space.isolate_selection()
    assert space.visible_ids == {1}
    space.show_all()
    assert space.hidden is None
    same(space, thing == 1)


def test_what_is_hidden_is_not_selected_by_any_way() -> None:
    space, thing = workspace()
    space.set_visible(1, False)
    space.invert()
    same(space, thing != 1)
    with pytest.raises(PromptError, match="hidden; show it first"):
        space.select_segment(1)


def test_a_slider_asks_the_same_clicks_again_and_makes_one_step() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 1))
    for granularity in (0.4, 0.3, 0.2, 0.1):
        space.set_granularity(granularity)
    part = space.members.copy()
    assert part.sum() == (thing == 1).sum() / 2, "below 0.3 things are halves"
    space.set_granularity(0.9)
    same(space, thing != 2)
    space.undo()
    same(space, thing == 1)
    assert space.granularity is None


def test_a_slider_back_where_it_was_selects_what_was_selected() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 1))
    space.set_threshold(0.999)
    few = space.count
    space.set_threshold(0.3)
    assert few < space.count
    same(space, thing == 1)
    space.set_threshold(None)
    same(space, thing == 1)


def test_growing_and_shrinking_go_along_the_hierarchy() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 1))
    space.grow()
    same(space, thing != 2)
    with pytest.raises(PromptError, match="nothing larger"):
        space.grow()
    space.shrink()
    same(space, thing == 1)


def test_a_step_that_fails_changes_nothing() -> None:
    space, thing = workspace()
    space.click(CAMERA, on(space, thing == 1))
    before = space.step
    for wrong in (
        lambda: space.click(CAMERA, (-5, 3)),
        lambda: space.box(CAMERA, (3, 3, 3, 9)),
        lambda: space.select_segment(77),
        lambda: space.set_granularity(3.0),
        lambda: space.set_threshold(2.0),
        lambda: setattr(space, "mode", "x-ray"),
    ):
        with pytest.raises(PromptError):
            wrong()
        assert space.step is before and space.mode == "color"


def test_taking_away_from_nothing_says_so() -> None:
    space, thing = workspace()
    with pytest.raises(PromptError, match="nothing is selected; click on something first"):
        space.click(CAMERA, on(space, thing == 1), "remove")


def test_two_workspaces_do_not_disturb_each_other() -> None:
    made, thing = scene()
    one, other = Workspace(made), Workspace(made)
    one.select_segment(1)
    one.hide_selection()
    other.click(ALONG, pixel_on(made.splats, thing == 1, ALONG))
    same(other, thing == 1)
    assert other.hidden is None and one.count == 0
    made.table.rename(1, "mug")
    assert "mug" in other.describe()


def test_a_selection_is_described_by_name_count_and_size() -> None:
    space, thing = workspace()
    assert space.describe() == "nothing selected"
    space.scene.table.rename(2, "mug")
    space.select_segment(2)
    assert space.describe().startswith("mug: 40 Gaussians, size 0.5")
    space.select_segment(1, "add")
    assert space.describe().startswith("segment 1 + mug: 80 Gaussians, ")
    space.click(CAMERA, on(space, thing == 1))
    space.set_granularity(0.0)
    assert space.describe().startswith("selection: 20 Gaussians, ")


def file_with(**without: None) -> tuple[Workspace, np.ndarray]:
    made, thing = scene(hierarchy=False)
    splats = made.splats.replace(**without)
    return Workspace(ShownScene(splats, "file.ply", table_of_file(splats))), thing


def test_a_file_with_features_is_selected_from_by_features() -> None:
    space, thing = file_with(segment_ids=None)
    space.click(CAMERA, on(space, thing == 1))
    same(space, thing == 1)
    space.click(CAMERA, on(space, thing == 2), "add")
    space.click(CAMERA, on(space, thing == 1), "remove")
    same(space, thing == 2)
    assert space.visible_ids == frozenset() and space.scene.modes == ("color", "features", "similarity", "depth")


def test_a_file_with_segments_alone_is_selected_from_by_segments() -> None:
    space, thing = file_with(features=None)
    space.click(CAMERA, on(space, thing == 1))
    same(space, thing == 1)
    space.click(CAMERA, on(space, thing == 2), "add")
    same(space, thing != 3)
    space.click(CAMERA, on(space, thing == 1), "remove")
    same(space, thing == 2)
    pixels, _ = CAMERA.project(space.scene.splats.means.numpy()[thing == 3].astype(np.float64))
    space.box(CAMERA, (*(pixels.min(0) - 4), *(pixels.max(0) + 4)))
    same(space, thing == 3)
    with pytest.raises(PromptError, match=r"no segment is seen at the click \(1, 1\).*click on a segment"):
        space.click(CAMERA, (1, 1))
    with pytest.raises(PromptError, match="no features"):
        space.set_threshold(0.5)


def test_a_file_with_neither_says_what_is_missing() -> None:
    space, thing = file_with(features=None, segment_ids=None)
    with pytest.raises(PromptError, match="no segmentation features"):
        space.click(CAMERA, on(space, thing == 1))
    with pytest.raises(PromptError, match="no segments"):
        space.select_segment(1)
    for mode in ("features", "segments", "similarity", "overlay", "masks"):
        with pytest.raises(PromptError, match=f"nothing to show as '{mode}'"):
            space.mode = mode


def test_a_copy_goes_on_showing_what_was_there_whatever_is_clicked_meanwhile() -> None:
    space, thing = workspace()
    space.select_segment(2)
    space.set_visible(3, False)
    space.mode = "overlay"
    shown = picture(space, CAMERA)
    kept = space.copy()
    space.invert()
    space.show_all()
    space.mode = "color"
    np.testing.assert_array_equal(picture(kept, CAMERA), shown)
    np.testing.assert_array_equal(kept.members, thing == 2)


def test_the_same_click_again_goes_through_part_thing_and_group() -> None:
    made, thing = workspace()
    pixel = pixel_on(made.scene.splats, thing == 1)
    made.click(CAMERA, pixel)
    assert made.remarks == "level 2 of 3"
    whole = made.count
    made.click(CAMERA, (pixel[0] + 1, pixel[1]))  # a hand is not so steady
    assert made.remarks == "level 3 of 3"
    np.testing.assert_array_equal(made.members, np.isin(thing, [1, 3]))
    made.click(CAMERA, pixel)
    assert made.remarks == "level 1 of 3" and 0 < made.count < whole
    made.click(CAMERA, pixel)
    assert made.remarks == "level 2 of 3" and made.count == whole
    made.undo()
    assert made.remarks == "level 1 of 3"


def test_a_prompt_that_a_later_one_takes_back_is_remarked() -> None:
    made, thing = workspace()
    pixel = pixel_on(made.scene.splats, thing == 1)
    made.click(CAMERA, pixel)
    made.click(CAMERA, pixel_on(made.scene.splats, thing == 2), "add")
    assert made.remarks == ""
    made.box(CAMERA, (0.0, 0.0, float(CAMERA.width // 2), float(CAMERA.height)), "remove")
    assert made.remarks.count("the wanted click (") == 1 and "in the view is outside the selection" in made.remarks


def test_a_click_elsewhere_or_one_that_adds_begins_anew() -> None:
    made, thing = workspace()
    for label in (1, 2):
        made.click(CAMERA, pixel_on(made.scene.splats, thing == label))
        np.testing.assert_array_equal(made.members, thing == label)
    made.click(CAMERA, pixel_on(made.scene.splats, thing == 2), "add")
    np.testing.assert_array_equal(made.members, thing == 2)
    assert made.remarks == ""


def test_what_a_slider_selects_is_one_step_and_the_selection_before_comes_back() -> None:
    space, thing = workspace()
    space.select_segment(1)
    for part in (10, 20, 30):
        space.select_gaussians(np.arange(len(thing)) < part, slider="clean")
    same(space, np.arange(len(thing)) < 30)
    space.undo()
    same(space, thing == 1)
    space.redo()
    assert space.count == 30


def test_hidden_gaussians_leave_the_selection_and_come_back() -> None:
    space, thing = workspace()
    space.select_segment(1)
    space.hide(np.arange(len(thing)) < 10)
    assert space.hidden is not None and space.hidden.sum() == 10
    assert space.count == int((thing == 1).sum()) - 10
    space.undo()
    assert space.hidden is None
    same(space, thing == 1)
