"""Thumbnails show the segments that there are now, and are made without anybody waiting."""

from __future__ import annotations

import base64
import io
import threading

import numpy as np
import pytest
import viewer_scenes
from PIL import Image

from splatseg.viewer.drawing.thumbnails import SIDE, Thumbnails, cameras_around
from splatseg.viewer.shown_scene import ShownScene


def picture(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def made(thumbnails: Thumbnails, scene: ShownScene) -> dict[int, str]:
    """The thumbnails of the present table, waited for."""
    assert scene.table is not None
    done = threading.Event()
    thumbnails.of(scene.table.now, done.set)
    assert done.wait(60)
    return dict(thumbnails.of(scene.table.now, lambda: pytest.fail("they are made already")))


def test_each_segment_has_a_picture_of_itself() -> None:
    scene, _ = viewer_scenes.scene()
    found = made(Thumbnails(scene), scene)
    assert found.keys() == {1, 2, 3}
    for identity, uri in found.items():
        seen = picture(uri)
        assert seen.shape == (SIDE, SIDE, 3)
        centre = seen[SIDE // 4 : 3 * SIDE // 4, SIDE // 4 : 3 * SIDE // 4].reshape(-1, 3).mean(0)
        assert centre.argmax() == identity - 1, "thing 1 is red, 2 green, 3 blue"


def test_after_a_merge_the_old_ones_are_shown_until_new_ones_are_made() -> None:
    scene, _ = viewer_scenes.scene()
    thumbnails = Thumbnails(scene)
    before = made(thumbnails, scene)
    assert scene.table is not None
    kept = scene.table.merge([1, 2])
    done = threading.Event()
    assert dict(thumbnails.of(scene.table.now, done.set)) == before
    assert done.wait(60)
    after = thumbnails.of(scene.table.now, lambda: None)
    assert after.keys() == {kept, 3} and after[kept] != before[kept]


def test_a_new_name_makes_nothing_anew() -> None:
    scene, _ = viewer_scenes.scene()
    thumbnails = Thumbnails(scene)
    before = made(thumbnails, scene)
    assert scene.table is not None
    scene.table.rename(1, "mug")
    assert thumbnails.of(scene.table.now, lambda: pytest.fail("nothing changed")) == before


def test_a_splat_without_views_is_seen_from_all_sides() -> None:
    scene, _ = viewer_scenes.scene()
    cameras = cameras_around(scene)
    home = scene.home()
    directions = np.array([camera.position - home.look_at for camera in cameras])
    assert np.linalg.norm(directions.mean(0)[[0, 2]]) < 0.01 * np.linalg.norm(directions[0])
    assert {camera.width for camera in cameras} == {360}
