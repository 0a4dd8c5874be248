"""A workspace as it is saved: its steps, what can be undone and redone with them, as JSON and sets of Gaussians.

    state = state_of(workspace)         restore(workspace, state)

Steps share prompts and sets: each is kept once, and a step names it by its number.

Alphabet: N Gaussians; b sets of one workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.segments.segment import corner_of
from splatseg.select.prompt import Prompt
from splatseg.untrusted.documents import Field
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.history import KEPT, Bits, History, Placed, Step
from splatseg.viewer.workspace.workspace import Workspace


@dataclass(frozen=True, eq=False)
class State:
    """A workspace as it is saved."""

    facts: dict[str, Any]
    """Steps, prompts and settings as JSON; a set of Gaussians is the number of its row in `bits`."""
    bits: np.ndarray
    """Sets of Gaussians, (b, ceil(N / 8)) uint8."""

    def present(self) -> State:
        """Return the state without what can be undone and redone."""
        step = self.facts["steps"][self.facts["at"]]
        prompts = [self.facts["prompts"][number] for number in step["prompts"]]
        sets = _Numbers()

        def renumbered(facts: dict[str, Any], *names: str) -> dict[str, Any]:
            return {**facts, **{name: sets.number(facts[name]) for name in names}}

        step = renumbered(step, "members", "hidden", "start") | {"prompts": list(range(len(prompts)))}
        prompts = [renumbered(prompt, "hidden") for prompt in prompts]
        return State({**self.facts, "at": 0, "steps": [step], "prompts": prompts}, self.bits[sets.things])


def state_of(workspace: Workspace) -> State:
    """Return the state of a workspace, with the steps that can be undone and redone."""
    history = workspace._history
    sets, prompts = _Numbers(), _Numbers()

    def facts_of(step: Step) -> dict[str, Any]:
        return {
            "granularity": step.granularity,
            "threshold": step.threshold,
            "members": sets.number(step.members),
            "hidden": sets.number(step.hidden),
            "start": sets.number(step.start),
            "prompts": [prompts.number(one) for one in step.prompts],
        }

    steps = [facts_of(step) for step in history.steps]
    placed = [{**_facts_of(one), "hidden": sets.number(one.hidden)} for one in prompts.things]
    facts = {"mode": workspace.mode, "at": history.index, "steps": steps, "prompts": placed}
    return State(facts, np.stack([one.packed for one in sets.things]))


def restore(workspace: Workspace, state: State) -> None:
    """Restore a workspace from a state, with its history. Raises DocumentError for facts of any other."""
    facts, size = Field(state.facts), len(workspace.scene.splats)
    sets = [Bits(packed, size) for packed in state.bits]

    def bits(number: Field | None) -> Bits | None:
        return None if number is None else sets[number.whole(0, len(sets) - 1)]

    features = workspace.scene.splats.features
    channels = 0 if features is None else features.shape[1]
    given = facts["prompts"].items("prompt")
    prompts = [_placed(one, bits(one.get("hidden")), channels) for one in given]

    def step_of(one: Field) -> Step:
        members = bits(one["members"])
        assert members is not None, "a workspace always has a set of members, possibly empty"
        chosen = tuple(prompts[number.whole(0, len(prompts) - 1)] for number in one["prompts"].items())
        granularity, threshold = (_number(one.get(name), low) for name, low in (("granularity", 0), ("threshold", -1)))
        return Step(members, bits(one.get("hidden")), bits(one.get("start")), chosen, granularity, threshold)

    steps = [step_of(one) for one in facts["steps"].items("step")[: KEPT + 1]]
    # The run may have lost its features or masks since, and with them the mode.
    mode = facts["mode"].text()
    history = History.of(steps, facts["at"].whole(0, len(steps) - 1))
    workspace.begin(history, mode if mode in workspace.scene.modes else "color")


def pack(states: Sequence[tuple[dict[str, Any], State]]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the sets of several states, (B, ceil(N / 8)) uint8, and their facts; each has further facts of its own."""
    facts = [{**state.facts, **own, "sets": len(state.bits)} for own, state in states]
    bits = np.concatenate([state.bits for _, state in states]) if states else np.zeros((0, 0), np.uint8)
    return bits, facts


def unpack(scene: ShownScene, bits: np.ndarray, facts: Field) -> list[tuple[Field, State]]:
    """Return the facts and the states that `pack` made. Raises ValueError or PromptError for those of another scene."""
    if bits.dtype != np.uint8 or (len(bits) and bits.shape[1:] != (-(-len(scene.splats) // 8),)):
        raise ValueError("its sets are not of the Gaussians of the splat")
    states, first = list[tuple[Field, State]](), 0
    for one in facts.items():
        sets = one["sets"].whole(1, len(bits) - first)
        state = State(one.value, bits[first : first + sets])
        first += sets
        restore(Workspace(scene), state)  # raises here, when the server starts, instead of when a page opens
        states.append((one, state))
    return states


class _Numbers:
    """Numbers things in the order in which they come, each once; things are the same if they are equal."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._known: dict[Any, int] = {}

    def number(self, thing: Any) -> int | None:
        if thing is None:
            return None
        if thing not in self._known:
            self._known[thing] = len(self.things)
            self.things.append(thing)
        return self._known[thing]


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
