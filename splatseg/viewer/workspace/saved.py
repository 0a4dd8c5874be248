"""Saves workspaces in the run: a page that is opened again finds its selection, hidden Gaussians and settings.

    saved = SavedWorkspaces(scene)
    workspace = saved.take()        # the last one left by a page, or a new one
    ...
    saved.leave(workspace)          # the page was closed
    saved.save()                    # at intervals, for the pages that are open

A run's workspaces.safetensors holds `bits` (B, ceil(N / 8)) uint8, the sets of Gaussians of all workspaces, and as JSON
the workspaces that use them: those in use first, then those left, the last first. Nothing is written for a splat file.
Undone steps are not saved. A file that cannot be read, or that belongs to another splat, is ignored.

Alphabet: N Gaussians; B sets.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError, RunError
from splatseg.segments.segment import corner_of
from splatseg.select.prompt import Prompt
from splatseg.splats.made_of import GEOMETRY, as_fact, is_stale, made_of
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.documents import Field
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.history import Bits, Placed, Step
from splatseg.viewer.workspace.workspace import Workspace

FORMAT = "splatseg workspaces 1"

LEFT = 8
"""Most workspaces that are kept without a page."""


@dataclass(frozen=True, eq=False)
class State:
    """A workspace as it is saved."""

    facts: dict[str, Any]
    """Prompts and settings as JSON; a set of Gaussians is the number of its row in `bits`."""
    bits: np.ndarray
    """Sets of Gaussians, (b, ceil(N / 8)) uint8."""


class SavedWorkspaces:
    """The workspaces of one scene, in use and left."""

    def __init__(self, scene: ShownScene) -> None:
        self._scene = scene
        self._lock = threading.RLock()
        self._used: list[Workspace] = []
        self._left = _read(scene)
        self._written: list[tuple[Step, str]] | None = None
        self._made_of = as_fact(made_of(scene.splats, GEOMETRY))

    def take(self) -> Workspace:
        """Return the workspace that was left last, or a new one."""
        with self._lock:
            workspace = Workspace(self._scene)
            if self._left:
                restore(workspace, self._left.pop(0))
            self._used.append(workspace)
            return workspace

    def leave(self, workspace: Workspace) -> None:
        """Release a workspace, so that the next page takes it."""
        with self._lock:
            self._used = [one for one in self._used if one is not workspace]
            self._left = [state_of(workspace), *self._left][:LEFT]
            self._written = None
            self.save()

    def save(self) -> None:
        """Write all workspaces to the run if any has changed since the last time."""
        run = self._scene.run
        with self._lock:
            shown = [(workspace.step, workspace.mode) for workspace in self._used]
            if run is None or shown == self._written:
                return
            states = [*(state_of(workspace) for workspace in self._used), *self._left]
            kept = [{**state.facts, "sets": len(state.bits)} for state in states]
            facts = {"gaussians": len(self._scene.splats), "workspaces": kept}
            bits = np.concatenate([state.bits for state in states]) if states else np.zeros((0, 0), np.uint8)
            write_tensors(run.workspaces_path, FORMAT, {"bits": bits}, facts | self._made_of)
            self._written = shown


def state_of(workspace: Workspace) -> State:
    """Return the present state of a workspace, without its history."""
    step, sets = workspace.step, list[Bits]()

    def number(bits: Bits | None) -> int | None:
        if bits is None:
            return None
        known = [at for at, one in enumerate(sets) if one is bits]
        if not known:
            sets.append(bits)
        return known[0] if known else len(sets) - 1

    facts = {
        "mode": workspace.mode,
        "granularity": step.granularity,
        "threshold": step.threshold,
        "members": number(step.members),
        "hidden": number(step.hidden),
        "start": number(step.start),
        "prompts": [{**_facts_of(one), "hidden": number(one.hidden)} for one in step.prompts],
    }
    return State(facts, np.stack([one.packed for one in sets]))


def restore(workspace: Workspace, state: State) -> None:
    """Restore a workspace from a state, which becomes its first step. Raises DocumentError for facts of any other."""
    facts, size = Field(state.facts), len(workspace.scene.splats)
    sets = [Bits(packed, size) for packed in state.bits]

    def bits(number: Field | None) -> Bits | None:
        return None if number is None else sets[number.whole(0, len(sets) - 1)]

    members = bits(facts["members"])
    assert members is not None, "a workspace always has a set of members, possibly empty"
    features = workspace.scene.splats.features
    channels = 0 if features is None else features.shape[1]
    given = facts["prompts"].items("prompt")
    prompts = tuple(_placed(one, bits(one.get("hidden")), channels) for one in given)
    granularity, threshold = (_number(facts.get(name), low) for name, low in (("granularity", 0), ("threshold", -1)))
    step = Step(members, bits(facts.get("hidden")), bits(facts.get("start")), prompts, granularity, threshold)
    # The run may have lost its features or masks since, and with them the mode.
    mode = facts["mode"].text()
    workspace.begin(step, mode if mode in workspace.scene.modes else "color")


def _number(field: Field | None, low: float) -> float | None:
    return None if field is None else field.number(low, 1)


def _facts_of(placed: Placed) -> dict[str, Any]:
    prompt = placed.prompt
    camera = prompt.camera
    return {
        "viewmat": camera.viewmat.tolist(),
        "K": camera.K.tolist(),
        "size": [camera.width, camera.height],
        "click": _listed(prompt.click),
        "box": _listed(prompt.box),
        "wanted": prompt.wanted,
        "level": prompt.level,
        "xyz": _listed(placed.xyz),
        "query": None if placed.query is None else placed.query.tolist(),
    }


def _listed(values: tuple[float, ...] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


def _placed(facts: Field, hidden: Bits | None, channels: int) -> Placed:
    matrices = [np.array([row.numbers(n) for row in facts[name].items()]) for name, n in (("viewmat", 4), ("K", 3))]
    width, height = (side.whole(1, 2**15) for side in facts["size"].items())
    camera = Camera(matrices[0], matrices[1], width, height)
    click, box, xyz, query, level = (facts.get(name) for name in ("click", "box", "xyz", "query", "level"))
    prompt = Prompt(
        camera,
        click=None if click is None else (click.numbers(2)[0], click.numbers(2)[1]),
        box=None if box is None else _four(box),
        wanted=facts["wanted"].flag(),
        level=None if level is None else level.whole(1),
    )
    place = None if xyz is None else corner_of(xyz.numbers(3))
    direction = None if query is None else np.array([item.number() for item in query.items()], dtype=np.float32)
    # The run may have been segmented by another method since, whose features have other channels.
    fits = direction is not None and len(direction) == channels
    return Placed(prompt, hidden, place, direction if fits else None)


def _four(field: Field) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = field.numbers(4)
    return x0, y0, x1, y1


def _read(scene: ShownScene) -> list[State]:
    if scene.run is None or not scene.run.workspaces_path.exists():
        return []
    if is_stale(scene.run.workspaces_path, scene.splats):
        return []

    def decode(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> list[State]:
        states, first, known, bits = [], 0, Field(facts), tensors["bits"]
        count = len(scene.splats)
        if known["gaussians"].whole() != count:
            return []
        if bits.dtype != np.uint8 or (len(bits) and bits.shape[1:] != (-(-count // 8),)):
            raise ValueError("its sets are not of the Gaussians of the splat")
        for one in known["workspaces"].items():
            sets = one["sets"].whole(1, len(bits) - first)
            states.append(State(one.value, bits[first : first + sets]))
            first += sets
            restore(Workspace(scene), states[-1])  # raises here, when the server starts, instead of when a page opens
        return states[:LEFT]

    try:
        return read_tensors(scene.run.workspaces_path, FORMAT, "delete it", decode)
    except (RunError, PromptError):
        return []
