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
from splatseg.viewer.workspace.saved import FORMAT, LEFT, SavedWorkspaces
from splatseg.viewer.workspace.workspace import Workspace


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
    space = busy(saved.take())
    saved.leave(space) if left else saved.save()
    again = SavedWorkspaces(opened(tmp_path)).take()
    same(space, again)
    assert not again.can_undo
    for either in (space, again):
        either.set_granularity(0.1)  # what was asked can still be asked again
    same(space, again)


def test_who_comes_gets_what_was_left_last_and_nobody_has(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    one, other = saved.take(), saved.take()
    assert one is not other and other.count == 0
    one.select_segment(1)
    other.select_segment(2)
    saved.leave(one)
    saved.leave(other)
    np.testing.assert_array_equal(saved.take().members, other.members)
    np.testing.assert_array_equal(saved.take().members, one.members)
    assert saved.take().count == 0


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    saved = SavedWorkspaces(scene)
    spaces = [saved.take() for _ in range(LEFT + 3)]
    for space in spaces:
        space.select_segment(2)
        saved.leave(space)
    again = SavedWorkspaces(scene)
    assert [again.take().count for _ in range(LEFT + 1)] == [40] * LEFT + [0]


def test_nothing_is_written_if_nothing_changed(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    saved = SavedWorkspaces(scene)
    space = saved.take()
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
    assert SavedWorkspaces(scene).take().count == 0


def test_workspaces_of_another_splat_are_not_taken(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    saved = SavedWorkspaces(scene)
    saved.leave(busy(saved.take()))
    fewer = ShownScene(scene.splats.subset(scene.splats.segment_ids != 3), "fewer", run=scene.run)
    assert SavedWorkspaces(fewer).take().count == 0


def test_of_a_file_workspaces_are_kept_as_long_as_the_scene_is_open() -> None:
    scene, _ = viewer_scenes.scene()
    saved = SavedWorkspaces(scene)
    space = saved.take()
    space.select_segment(1)
    saved.leave(space)
    np.testing.assert_array_equal(saved.take().members, space.members)


def facts_of(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    tensors, facts = load_tensors(folder / "run" / "workspaces.safetensors")
    return dict(tensors), facts


CHANGES: list[tuple[tuple[str | int, ...], object]] = [
    (("granularity",), "coarse"),
    (("granularity",), 7),
    (("threshold",), float("nan")),
    (("members",), None),
    (("members",), 99),
    (("hidden",), -1),
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
    busy(saved.take())
    saved.save()
    tensors, facts = facts_of(tmp_path)
    part = facts["workspaces"][0]
    for name in place[:-1]:
        part = part[name]
    assert place[-1] in part
    part[place[-1]] = value
    write_tensors(tmp_path / "run" / "workspaces.safetensors", FORMAT, tensors, facts)
    assert SavedWorkspaces(opened(tmp_path)).take().count == 0


def test_a_selection_of_the_gaussians_of_another_splat_is_ignored(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    busy(saved.take())
    saved.save()
    path = tmp_path / "run" / "splats.ply"
    splats = splats_of(read_ply(path))
    write_ply(path, splats.replace(means=splats.means + 0.01))
    assert SavedWorkspaces(opened(tmp_path)).take().count == 0


def test_a_feature_of_other_channels_is_forgotten_and_the_selection_stays(tmp_path: Path) -> None:
    saved = SavedWorkspaces(opened(tmp_path))
    count = busy(saved.take()).count
    saved.save()
    tensors, facts = facts_of(tmp_path)
    for prompt in facts["workspaces"][0]["prompts"]:
        prompt["query"] = None if prompt["query"] is None else [1.0, 0.0]
    write_tensors(tmp_path / "run" / "workspaces.safetensors", FORMAT, tensors, facts)
    again = SavedWorkspaces(opened(tmp_path)).take()
    assert again.count == count and all(placed.query is None for placed in again.step.prompts)
