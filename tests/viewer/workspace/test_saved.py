"""Closing the page loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import viewer_scenes
from viewer_scenes import CAMERA, on

from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.splats.splats import splats_of
from splatseg.tensors import load_tensors, write_tensors
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.shown_scene import ShownScene, open_shown
from splatseg.viewer.workspace import saved as saved_module
from splatseg.viewer.workspace.saved import FORMAT, LEFT, SavedWorkspaces
from splatseg.viewer.workspace.workspace import Workspace

ME = "0123456789abcdef"
OTHER = "fedcba9876543210"
"""Two browsers."""


def opened(tmp_path: Path) -> ShownScene:
    if not (tmp_path / "run").exists():
        viewer_scenes.run(tmp_path)
    return open_shown(tmp_path / "run")


def busy(space: Workspace) -> Workspace:
    """Every kind of state at once."""
    thing = space.scene.table.ids
    space.set_visible(3, False)
    space.select_segment(1)
    space.click(CAMERA, on(space, thing == 2), "add")
    space.box(CAMERA, (0, 0, 5, 5), "remove")
    space.set_granularity(0.35)
    space.mode = "overlay"
    return space


def same(one: Workspace, other: Workspace) -> None:
    np.testing.assert_array_equal(one.members, other.members)
    np.testing.assert_array_equal(one.hidden, other.hidden)
    assert (one.mode, one.granularity, one.threshold) == (other.mode, other.granularity, other.threshold)
    assert one.markers == other.markers and one.describe() == other.describe()
    np.testing.assert_array_equal(picture(one, CAMERA), picture(other, CAMERA))


@pytest.mark.parametrize("left", [True, False])
def test_selection_hiding_mode_and_sliders_come_back(tmp_path: Path, left: bool) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    space = busy(saved.take(ME))
    saved.leave(space) if left else saved.save()
    again = SavedWorkspaces(opened(tmp_path)).take(ME)
    same(space, again)
    assert again.can_undo and not again.can_redo
    for either in (space, again):
        either.set_granularity(0.1)  # what was asked can still be asked again
    same(space, again)


def test_who_comes_gets_what_was_left_last_and_nobody_has(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    one, other = saved.take(ME), saved.take(ME)
    assert one is not other and other.count == 0
    one.select_segment(1)
    other.select_segment(2)
    saved.leave(one)
    saved.leave(other)
    np.testing.assert_array_equal(saved.take(ME).members, other.members)
    np.testing.assert_array_equal(saved.take(ME).members, one.members)
    assert saved.take(ME).count == 0


def test_the_history_comes_back_with_the_selection(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    space = busy(saved.take(ME))
    space.undo()
    space.undo()
    saved.leave(space)
    again = SavedWorkspaces(opened(tmp_path)).take(ME)
    for go in ("undo", "undo", "undo", "redo", "redo", "redo", "redo", "redo", "redo"):
        same(space, again)
        assert (space.can_undo, space.can_redo) == (again.can_undo, again.can_redo)
        getattr(space, go)()
        getattr(again, go)()
    same(space, again)


def test_history_goes_before_a_selection_does_when_it_takes_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_module, "MOST_UNDO", 0)
    saved = SavedWorkspaces(opened(tmp_path))
    space = busy(saved.take(ME))
    space.undo()
    saved.leave(space)
    again = SavedWorkspaces(opened(tmp_path)).take(ME)
    same(space, again)
    assert not again.can_undo and not again.can_redo
    for either in (space, again):
        either.set_granularity(0.1)
    same(space, again)


def test_a_new_browser_begins_clean_and_one_without_cookies_always_does(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    for browser in (ME, ""):
        saved.leave(busy(saved.take(browser)))
    for known in (saved, SavedWorkspaces(opened(tmp_path))):
        for browser in (OTHER, ""):
            clean = known.take(browser)
            assert (clean.count, clean.hidden, clean.mode, clean.granularity) == (0, None, "color", None)
        assert known.take(ME).count
        assert not known.take(ME).count, "a second page of the same browser begins clean, too"


def test_nothing_is_saved_by_who_may_only_look_nor_into_a_run_that_is_gone(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    saved = SavedWorkspaces(scene)
    saved.take(ME).select_segment(1)
    scene.read_only = True
    saved.save()
    assert not scene.run.workspaces_path.exists()
    scene.read_only = False
    scene.run.path.rename(tmp_path / "away")
    saved.save()
    assert not scene.run.path.exists()


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    saved = SavedWorkspaces(scene)
    spaces = [saved.take(ME) for _ in range(LEFT + 3)]
    for space in spaces:
        space.select_segment(2)
        saved.leave(space)
    again = SavedWorkspaces(scene)
    assert [again.take(ME).count for _ in range(LEFT + 1)] == [40] * LEFT + [0]


def test_nothing_is_written_if_nothing_changed(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    saved = SavedWorkspaces(scene)
    space = saved.take(ME)
    space.select_segment(1)
    saved.save()
    scene.run.workspaces_path.unlink()
    saved.save()
    assert not scene.run.workspaces_path.exists()
    space.clear()
    saved.save()
    assert scene.run.workspaces_path.exists()


@pytest.mark.parametrize("content", [b"", b"nonsense" * 9, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    scene = opened(tmp_path)
    scene.run.workspaces_path.write_bytes(content)
    assert SavedWorkspaces(scene).take(ME).count == 0


def test_workspaces_of_another_splat_are_not_taken(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    saved = SavedWorkspaces(scene)
    saved.leave(busy(saved.take(ME)))
    fewer = ShownScene(scene.splats.subset(scene.splats.segment_ids != 3), "fewer", run=scene.run)
    assert SavedWorkspaces(fewer).take(ME).count == 0


def test_of_a_file_workspaces_are_kept_as_long_as_the_scene_is_open() -> None:
    scene, _ = viewer_scenes.scene()
    saved = SavedWorkspaces(scene)
    space = saved.take(ME)
    space.select_segment(1)
    saved.leave(space)
    np.testing.assert_array_equal(saved.take(ME).members, space.members)


def facts_of(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    tensors, facts = load_tensors(folder / "run" / "workspaces.safetensors")
    return dict(tensors), facts


CHANGES: list[tuple[tuple[str | int, ...], object]] = [
    (("steps", -1, "granularity"), "coarse"),
    (("steps", -1, "granularity"), 7),
    (("steps", -1, "threshold"), float("nan")),
    (("steps", -1, "members"), None),
    (("steps", -1, "members"), 99),
    (("steps", 0, "members"), 99),
    (("steps", -1, "hidden"), -1),
    (("steps", -1, "prompts"), [99]),
    (("steps", -1, "prompts"), {}),
    (("steps",), []),
    (("steps",), "all"),
    (("at",), 99),
    (("at",), -1),
    (("browser",), "me"),
    (("browser",), 5),
    (("mode",), 5),
    (("sets",), 10**12),
    (("prompts",), {}),
    (("prompts", 0, "click"), ["a", "b"]),
    (("prompts", 0, "click"), [float("inf"), 1]),
    (("prompts", 0, "viewmat"), [[1, 2], [3, 4]]),
    (("prompts", 0, "K"), 5),
    (("prompts", 0, "size"), [10**9, 10**9]),
    (("prompts", 0, "wanted"), "yes"),
    (("prompts", 0, "query"), [None]),
    (("prompts", 0, "level"), 0),
    (("prompts", 0, "xyz"), [1, 2]),
]


@pytest.mark.parametrize(("place", "value"), CHANGES, ids=repr)
def test_a_file_that_a_stranger_changed_is_ignored_when_the_server_starts(
    tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    busy(saved.take(ME))
    saved.save()
    tensors, facts = facts_of(tmp_path)
    part = facts["workspaces"][0]
    for name in place[:-1]:
        part = part[name]
    assert place[-1] in part
    part[place[-1]] = value
    write_tensors(tmp_path / "run" / "workspaces.safetensors", FORMAT, tensors, facts)
    assert SavedWorkspaces(opened(tmp_path)).take(ME).count == 0


def test_a_selection_of_the_gaussians_of_another_splat_is_ignored(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    busy(saved.take(ME))
    saved.save()
    path = tmp_path / "run" / "splats.ply"
    splats = splats_of(read_ply(path))
    write_ply(path, splats.replace(means=splats.means + 0.01))
    assert SavedWorkspaces(opened(tmp_path)).take(ME).count == 0


def test_a_feature_of_other_channels_is_forgotten_and_the_selection_stays(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    count = busy(saved.take(ME)).count
    saved.save()
    tensors, facts = facts_of(tmp_path)
    for prompt in facts["workspaces"][0]["prompts"]:
        prompt["query"] = None if prompt["query"] is None else [1.0, 0.0]
    write_tensors(tmp_path / "run" / "workspaces.safetensors", FORMAT, tensors, facts)
    again = SavedWorkspaces(opened(tmp_path)).take(ME)
    assert again.count == count and all(placed.query is None for placed in again.step.prompts)


def test_who_takes_a_run_over_keeps_the_selections_that_were_left_there_meanwhile(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    scene.read_only = True
    saved = SavedWorkspaces(scene)
    saved.leave(busy(saved.take(OTHER)))
    first = SavedWorkspaces(opened(tmp_path))
    first.leave(busy(first.take(ME)))
    scene.read_only = False
    saved.save()
    for browser in (ME, OTHER):
        assert SavedWorkspaces(opened(tmp_path)).take(browser).count
