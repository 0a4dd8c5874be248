"""Small pictures of all segments for the list, made in the background and again when Gaussians changed their segment.

Each is cropped from the view, of some, in which the segment is largest, as in the report. A splat without views is
looked at from around its first pose.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from splatseg.cameras.camera import Camera
from splatseg.errors import SplatsegError
from splatseg.render.label_maps import label_map
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.report.inline_pictures import data_uri, segment_crops
from splatseg.scene.first_pose import Pose, camera_at
from splatseg.scene.scene import Scene
from splatseg.scene.table_state import Labeling
from splatseg.spread import spread

SIDE = 64
"""Pixels of a thumbnail: twice its size in the list, for screens with fine pixels."""

WIDTH = 360
"""Most pixels across of the pictures that thumbnails are cropped from."""

VIEWS = 12
"""Pictures that are looked at; more find a segment hardly any larger."""


class Thumbnails:
    """Thumbnails of the segments of one scene, as data URIs; threads may share it."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._lock = threading.Lock()
        self._made: dict[int, str] = {}
        self._made_of: np.ndarray | None = None
        self._making = False
        self._waiting: list[Callable[[], None]] = []

    def of(self, now: Labeling, then: Callable[[], None]) -> Mapping[int, str]:
        """Return the thumbnails that there are, by id; those of another labelling until those of this one are made.

        then: called from another thread when better ones are there.
        """
        with self._lock:
            if self._made_of is not now.ids:
                self._waiting.append(then)
                if not self._making:
                    self._making = True
                    # Not a daemon: the interpreter must not end while native code runs in this thread.
                    threading.Thread(target=self._make, args=(now.ids,), name="splatseg-thumbnails").start()
            return self._made

    def _make(self, ids: np.ndarray) -> None:
        made = self._made
        try:
            made = self._pictures()
        except SplatsegError:
            pass  # segments that were taken away meanwhile have no pictures; the list goes without
        finally:
            with self._lock:
                self._made, self._made_of, self._making = made, ids, False
                waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _pictures(self) -> dict[int, str]:
        splats, background = self._scene.splats, self._scene.background

        def drawn(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
            return to_uint8(render_rgb(splats, camera, background)), label_map(splats, camera)

        crops = segment_crops(map(drawn, cameras_around(self._scene)), SIDE)
        return {identity: data_uri(crop, SIDE) for identity, crop in crops.items()}


def cameras_around(scene: Scene) -> list[Camera]:
    """Return cameras that see the scene from all sides: of its views, or around its first pose; WIDTH pixels across."""
    if scene.views:
        cameras = [view.pinhole for view in spread(scene.views, VIEWS)]
    else:
        home = scene.home()
        poses = [_turned(home, 2 * np.pi * step / VIEWS) for step in range(VIEWS)]
        cameras = [camera_at(pose, WIDTH, 3 * WIDTH // 4) for pose in poses]
    return [camera.scaled(min(1.0, WIDTH / camera.width)) for camera in cameras]


def _turned(pose: Pose, angle: float) -> Pose:
    """Return a pose turned around the vertical axis through the point that it looks at."""
    turn = Rotation.from_rotvec(angle * np.asarray(pose.up))
    x, y, z = (np.asarray(pose.look_at) + turn.apply(np.subtract(pose.position, pose.look_at))).tolist()
    return Pose((x, y, z), pose.look_at, pose.up, pose.fov)
