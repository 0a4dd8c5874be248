"""The first pose of a page is fitted to its canvas, whatever the browser reports meanwhile."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import viewer_scenes

from splatseg.viewer.page.browser_camera import fov_for
from splatseg.viewer.page.incoming import Offers
from splatseg.viewer.page.page import Page
from splatseg.viewer.shown_scene import open_shown
from splatseg.viewer.workspace.workspace import Workspace


def reported(width: int, height: int) -> dict[str, Any]:
    """What a browser says of its camera before it was moved."""
    places = {"position": np.array([3.0, 3.0, 3.0]), "look_at": np.zeros(3), "up_direction": np.array([0.0, 0.0, 1.0])}
    return {**places, "wxyz": np.array([1.0, 0.0, 0.0, 0.0]), "fov": 1.3, "image_width": width, "image_height": height}


@pytest.fixture
def page(tmp_path: Path) -> Any:
    """A page whose canvas is not docked beside its panel yet."""
    scene = open_shown(viewer_scenes.run(tmp_path)[0].path)
    shown = SimpleNamespace(set_background_image=lambda *_, **__: None)
    camera = SimpleNamespace(**reported(1280, 100))
    client: Any = SimpleNamespace(gui=None, camera=camera, atomic=nullcontext, scene=shown, flush=lambda: None)
    page = Page(client, scene, Workspace(scene), tmp_path, Offers(), threading.Semaphore())
    page._camera_moved(client.camera)
    yield page
    page.streamer.close()


def fitted(page: Any) -> bool:
    middle = page.scene.views[len(page.scene.views) // 2].pinhole
    return bool(np.isclose(page.client.camera.fov, fov_for(middle, page.aspect)))


def test_an_old_pose_reported_late_does_not_end_the_fit_to_the_canvas(page: Any) -> None:
    camera, home = page.client.camera, page.scene.home()
    page.look_home()
    assert fitted(page)
    moved = vars(camera).copy()
    vars(camera).update(reported(904, 800))  # sent before the browser had heard of home
    page._camera_moved(camera)
    vars(camera).update(moved | {"image_width": 904, "image_height": 800})
    page._camera_moved(camera)
    assert fitted(page) and np.allclose(camera.position, home.position)


def test_a_canvas_that_changes_leaves_a_camera_that_was_moved_where_it_is(page: Any) -> None:
    camera = page.client.camera
    page.look_home()
    for change in ({"position": np.asarray(camera.position) + 1.0}, {"fov": 0.5 * camera.fov}):
        page.look_home()
        vars(camera).update(change)
        before = vars(camera) | {"image_width": 500, "image_height": 500}
        vars(camera).update(before)
        page._camera_moved(camera)
        assert all(np.array_equal(value, before[name]) for name, value in vars(camera).items())
