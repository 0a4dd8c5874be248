"""Saves workspaces in the run: a browser that comes again finds its selection, hidden Gaussians, settings and undo.

    saved = SavedWorkspaces(scene)
    workspace = saved.take(browser)     # the last one that this browser left, or a new one
    ...
    saved.leave(workspace)              # the page was closed
    saved.save()                        # at intervals, for the pages that are open

A browser is known by the digest of its key (`page.visitor`); one that keeps no cookies, "", always begins anew. A run's
workspaces.safetensors holds `bits` (B, ceil(N / 8)) uint8, the sets of Gaussians of all workspaces, and as JSON the
workspaces that use them: those in use first, then those left, the last first. Nothing is written for a splat file, nor
while another process has the run. A file that cannot be read, or that belongs to another splat, is ignored.

Alphabet: N Gaussians; B sets.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from splatseg.errors import PromptError, RunError
from splatseg.splats.made_of import GEOMETRY, as_fact, is_stale, made_of
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.documents import Field
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.history import Step
from splatseg.viewer.workspace.states import State, pack, restore, state_of, unpack
from splatseg.viewer.workspace.workspace import Workspace

FORMAT = "splatseg workspaces 2"

LEFT = 8
"""Most workspaces that are kept without a page."""

MOST_UNDO = 32 * 1024 * 1024
"""Most bytes of sets in the file: 50 steps of five browsers on a million Gaussians. Workspaces beyond that are saved
without their history, as the file is written every few seconds while somebody selects."""


class SavedWorkspaces:
    """The workspaces of one scene, in use and left."""

    def __init__(self, scene: ShownScene) -> None:
        self._scene = scene
        self._lock = threading.RLock()
        self._used: list[tuple[str, Workspace]] = []
        self._left: list[tuple[str, State]] = []
        self._found: list[tuple[str, State]] = _read(scene)
        self._only_looked = scene.read_only
        self._written: list[tuple[Step, str]] | None = None
        self._made_of = as_fact(made_of(scene.splats, GEOMETRY))

    def take(self, browser: str) -> Workspace:
        """Return the workspace that a browser left last, or a new one. browser: digest of its key; "" without one."""
        with self._lock:
            workspace = Workspace(self._scene)
            for kept in (self._left, self._found):
                own = [number for number, (key, _) in enumerate(kept) if key == browser and key]
                if own:
                    restore(workspace, kept.pop(own[0])[1])
                    break
            self._used.append((browser, workspace))
            return workspace

    def leave(self, workspace: Workspace) -> None:
        """Release a workspace, so that the next page of the same browser takes it."""
        with self._lock:
            browser = next((key for key, one in self._used if one is workspace), "")
            self._used = [(key, one) for key, one in self._used if one is not workspace]
            if browser:
                self._left = [(browser, state_of(workspace)), *self._left][:LEFT]
            self._written = None
            self.save()

    def save(self) -> None:
        """Write all workspaces to the run if any has changed since the last time."""
        run = self._scene.run
        with self._lock:
            shown = [(workspace.step, workspace.mode) for _, workspace in self._used]
            if run is None or run.gone or shown == self._written:
                return
            if self._scene.read_only:
                self._only_looked = True
                return
            if self._only_looked:  # whoever had the run until now has written
                self._found, self._only_looked = _read(self._scene), False
            left = [*self._left, *self._found][:LEFT]
            states = _within([*((key, state_of(one)) for key, one in self._used if key), *left])
            bits, kept = pack([({"browser": key}, state) for key, state in states])
            facts = {"gaussians": len(self._scene.splats), "workspaces": kept}
            write_tensors(run.workspaces_path, FORMAT, {"bits": bits}, facts | self._made_of)
            self._written = shown


def _within(states: list[tuple[str, State]]) -> list[tuple[str, State]]:
    """Return the states, without history from where it takes more than MOST_UNDO bytes."""
    room, kept = MOST_UNDO, list[tuple[str, State]]()
    for key, state in states:
        room -= state.bits.nbytes
        kept.append((key, state if room >= 0 else state.present()))
    return kept


def _read(scene: ShownScene) -> list[tuple[str, State]]:
    if scene.run is None or not scene.run.workspaces_path.exists():
        return []
    if is_stale(scene.run.workspaces_path, scene.splats):
        return []

    def decode(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> list[tuple[str, State]]:
        known = Field(facts)
        if known["gaussians"].whole() != len(scene.splats):
            return []
        found = unpack(scene, tensors["bits"], known["workspaces"])
        states = [(one["browser"].text("[0-9a-f]{16}", "a digest"), state) for one, state in found]
        return states[:LEFT]

    try:
        return read_tensors(scene.run.workspaces_path, FORMAT, "delete it", decode)
    except (RunError, PromptError):
        return []
