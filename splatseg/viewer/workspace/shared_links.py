"""Links that carry a camera, a selection and what is hidden, so that somebody else sees the same.

    links = SharedLinks(scene)
    key = links.make(workspace, pose)       the page's address with #look=KEY opens it
    links.find(key)                         the state and the pose, None for a key that is unknown

A run's links.safetensors holds them, as workspaces.safetensors holds workspaces; those of a splat file, or of a run
that another process writes, last as long as the server. A file that cannot be read, or is of another splat, is ignored.

Alphabet: N Gaussians; B sets.
"""

from __future__ import annotations

import secrets
import threading
from typing import Any

import numpy as np

from splatseg.errors import PromptError, RunError
from splatseg.scene.first_pose import Pose
from splatseg.segments.segment import corner_of
from splatseg.splats.made_of import GEOMETRY, as_fact, is_stale, made_of
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.documents import Field
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.states import State, pack, state_of, unpack
from splatseg.viewer.workspace.workspace import Workspace

FORMAT = "splatseg links 1"

KEPT = 100
"""Links that are kept; older ones go."""

KEY = "[A-Za-z0-9_-]{11}"
"""Form of a key: 64 random bits."""

Link = tuple[Pose, State]


class SharedLinks:
    """The links of one scene; threads may share it."""

    def __init__(self, scene: ShownScene) -> None:
        self._scene = scene
        self._lock = threading.Lock()
        self._made: dict[str, Link] = _read(scene)

    def make(self, workspace: Workspace, pose: Pose) -> str:
        """Keep the present state of a workspace and a pose, and return the key of the link."""
        key = secrets.token_urlsafe(8)
        with self._lock:
            self._made[key] = (pose, state_of(workspace).present())
            for oldest in list(self._made)[:-KEPT]:
                del self._made[oldest]
            self._write()
        return key

    def find(self, key: str) -> Link | None:
        """Return the pose and the state of a link; None for an unknown key."""
        with self._lock:
            return self._made.get(key)

    def _write(self) -> None:
        run = self._scene.run
        if run is None or run.gone or self._scene.read_only:
            return
        bits, links = pack([({"key": key, "pose": _listed(pose)}, state) for key, (pose, state) in self._made.items()])
        facts = {"gaussians": len(self._scene.splats), "links": links}
        write_tensors(run.links_path, FORMAT, {"bits": bits}, facts | as_fact(made_of(self._scene.splats, GEOMETRY)))


def _read(scene: ShownScene) -> dict[str, Link]:
    if scene.run is None or not scene.run.links_path.exists() or is_stale(scene.run.links_path, scene.splats):
        return {}

    def decode(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> dict[str, Link]:
        known = Field(facts)
        if known["gaussians"].whole() != len(scene.splats):
            return {}
        found = unpack(scene, tensors["bits"], known["links"])
        return {one["key"].text(KEY, "a key"): (_posed(one["pose"]), state) for one, state in found}

    try:
        return read_tensors(scene.run.links_path, FORMAT, "delete it", decode)
    except (RunError, PromptError):
        return {}


def _listed(pose: Pose) -> list[float]:
    return [*pose.position, *pose.look_at, *pose.up, pose.fov]


def _posed(field: Field) -> Pose:
    numbers = field.numbers(10)
    position, look_at, up = (corner_of(numbers[first : first + 3]) for first in (0, 3, 6))
    if position == look_at or not any(up) or not 0.0 < numbers[9] < np.pi:
        raise ValueError("a link's camera looks nowhere")
    return Pose(position, look_at, up, float(numbers[9]))
