"""A link opens the camera, the selection and what is hidden, also after the server was started anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import viewer_scenes
from viewer_scenes import CAMERA, on

from splatseg.scene.first_pose import Pose
from splatseg.tensors import load_tensors, write_tensors
from splatseg.viewer.shown_scene import ShownScene, open_shown
from splatseg.viewer.workspace import shared_links
from splatseg.viewer.workspace.shared_links import FORMAT, SharedLinks
from splatseg.viewer.workspace.states import restore
from splatseg.viewer.workspace.workspace import Workspace

POSE = Pose((1.0, 2.0, 3.0), (0.0, 0.0, 0.5), (0.0, -1.0, 0.0), 0.8)


def opened(tmp_path: Path) -> ShownScene:
    if not (tmp_path / "run").exists():
        viewer_scenes.run(tmp_path)
    return open_shown(tmp_path / "run")


def busy(scene: ShownScene) -> Workspace:
    space = Workspace(scene)
    space.set_visible(3, False)
    space.select_segment(1)
    space.click(CAMERA, on(space, scene.table.ids == 2), "add")
    space.mode = "overlay"
    return space


def test_a_link_leads_to_the_same_after_the_server_was_started_anew(tmp_path: Path) -> None:
    scene = opened(tmp_path)
    space = busy(scene)
    key = SharedLinks(scene).make(space, POSE)
    space.clear()
    scene.close()
    link = SharedLinks(opened(tmp_path)).find(key)
    assert link is not None
    pose, state = link
    again = Workspace(opened(tmp_path))
    restore(again, state)
    expected = busy(opened(tmp_path))
    assert pose == POSE
    np.testing.assert_array_equal(again.members, expected.members)
    np.testing.assert_array_equal(again.hidden, expected.hidden)
    assert again.mode == "overlay" and not again.can_undo, "what somebody else did before is not undone"


def test_an_unknown_key_leads_nowhere(tmp_path: Path) -> None:
    assert SharedLinks(opened(tmp_path)).find("A" * 11) is None


def test_links_of_a_file_last_as_long_as_the_server() -> None:
    scene, _ = viewer_scenes.scene()
    links = SharedLinks(scene)
    key = links.make(Workspace(scene), POSE)
    assert links.find(key) is not None and SharedLinks(scene).find(key) is None


def test_the_oldest_links_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_links, "KEPT", 3)
    scene = opened(tmp_path)
    links = SharedLinks(scene)
    keys = [links.make(Workspace(scene), POSE) for _ in range(5)]
    assert [links.find(key) is not None for key in keys] == [False, False, True, True, True]


@pytest.mark.parametrize("wrong", [{"key": "../../etc"}, {"pose": [0.0] * 10}, {"pose": [1e400] * 10}, {"mode": 3}])
def test_a_file_of_links_that_was_changed_is_ignored(tmp_path: Path, wrong: dict[str, Any]) -> None:
    scene = opened(tmp_path)
    key = SharedLinks(scene).make(Workspace(scene), POSE)
    path = scene.run.links_path
    tensors, facts = load_tensors(path)
    facts["links"][0] |= wrong
    write_tensors(path, FORMAT, tensors, facts)
    assert SharedLinks(scene).find(key) is None
