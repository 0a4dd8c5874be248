"""A scene: what there is of a run or a file, and where one begins to look."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import viewer_scenes
from viewer_scenes import CAMERA, carrying, on, scene

from splatseg.cameras.camera import Camera
from splatseg.demo.demo import demo_capture
from splatseg.errors import RunError, SplatFileError
from splatseg.formats.ply.ply import write_ply
from splatseg.run.folder import Run
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.shown_scene import ShownScene, open_shown
from splatseg.viewer.workspace.workspace import Workspace


def test_a_file_is_a_scene(tmp_path: Path) -> None:
    splats, _ = carrying()
    write_ply(tmp_path / "mug.ply", splats)
    found = open_shown(tmp_path / "mug.ply")
    assert found.name == "mug.ply" and found.run is None and found.views == () and not found.warnings
    assert found.modes == ("color", "features", "segments", "overlay", "similarity", "depth")
    found.table.merge([1, 2])
    assert found.save_state.startswith("not kept: ") and sorted(tmp_path.iterdir()) == [tmp_path / "mug.ply"]


def test_a_run_is_a_scene_with_its_views_names_and_hierarchy(tmp_path: Path) -> None:
    run, _ = viewer_scenes.run(tmp_path)
    found = open_shown(run.path)
    assert found.name == "run" and len(found.views) == len(run.capture.views)
    assert [row.name for row in found.table.rows()] == ["left", "right", "top"]
    assert found.hierarchy is not None and found.agreement is None and not found.warnings


def test_what_a_run_lacks_is_a_warning(tmp_path: Path) -> None:
    run, thing = viewer_scenes.run(tmp_path)
    settings = (run.path / "config.yaml").read_text().replace(str(run.settings.capture.path), str(tmp_path / "gone"))
    (run.path / "config.yaml").write_text(settings)
    run.hierarchy_path.write_bytes(b"nonsense")
    found = open_shown(run.path)
    assert found.views == () and found.hierarchy is None and len(found.warnings) == 3
    space = Workspace(found)
    space.click(CAMERA, on(space, thing == 1))
    np.testing.assert_array_equal(space.members, thing == 1)
    shutil.rmtree(run.path)
    with pytest.raises(RunError, match=r"config\.yaml"):
        open_shown(tmp_path)
    with pytest.raises(SplatFileError, match="there is no file"):
        open_shown(tmp_path / "gone.ply")


def test_home_without_a_capture_shows_the_middle_of_the_splat() -> None:
    made, _ = scene()
    home = made.home()
    middle = made.splats.means.numpy()
    assert np.linalg.norm(np.array(home.look_at) - middle.mean(0)) < 0.3
    assert np.linalg.norm(np.array(home.position) - home.look_at) > np.ptp(middle, axis=0).max()


def test_home_in_a_run_is_a_view_of_the_capture(tmp_path: Path) -> None:
    run, _ = viewer_scenes.run(tmp_path)
    found = open_shown(run.path)
    home, view = found.home(), found.views[len(found.views) // 2]
    np.testing.assert_allclose(home.position, view.camera.position)
    forward = np.array(home.look_at) - home.position
    np.testing.assert_allclose(forward / np.linalg.norm(forward), view.camera.viewmat[2, :3], atol=1e-6)
    assert np.isclose(np.tan(home.fov / 2), view.camera.height / 2 / view.camera.K[1, 1])
    assert np.isclose(np.linalg.norm(home.up), 1.0) and np.dot(home.up, -view.camera.viewmat[1, :3]) > 0.5


def test_the_view_at_a_camera_is_found_whatever_its_size(tmp_path: Path) -> None:
    run, _ = viewer_scenes.run(tmp_path)
    found = open_shown(run.path)
    camera = found.views[3].camera
    assert found.view_at(camera.resized(200, 100)) is found.views[3]
    viewmat = camera.viewmat.copy()
    viewmat[:3, 3] += 0.05
    assert found.view_at(Camera(viewmat, camera.K, camera.width, camera.height)) is None


def test_input_masks_are_shown_over_the_photograph_of_their_view(tmp_path: Path) -> None:
    run, _ = viewer_scenes.run(tmp_path)
    made = Run(run.path, run.settings.with_masks(demo_capture() / "masks"))
    found = ShownScene(run.splats(), "demo", views=run.capture.views, run=made)
    view = found.views[0]
    assert "masks" in found.modes
    overlay = found.input_mask_overlay(view)
    assert overlay.shape == view.image().shape and (overlay != view.image()).any()
    space = Workspace(found)
    space.mode = "masks"
    np.testing.assert_allclose(picture(space, view.camera).astype(int), overlay, atol=1)
    # A window of another shape sees the same through the same lens, and black beside the photograph.
    K = view.camera.K.copy()
    K[0, 2] += 40
    wide = picture(space, Camera(view.camera.viewmat, K, view.camera.width + 80, view.camera.height))
    np.testing.assert_allclose(wide[:, 40:-40].astype(int), overlay, atol=1)
    assert not wide[:, :39].any() and not wide[:, -39:].any()
