"""Evaluates the prompts of a workspace in order: a wanted one adds to the selection, an unwanted one takes away.

Gaussians that were hidden when a prompt was given stay hidden whenever that prompt is evaluated again.

Alphabet: N Gaussians; members (N,) bool.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from splatseg.errors import PromptError
from splatseg.select.doubts import doubts_of
from splatseg.select.levels import Levels
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import levels_of_click, select_by_prompts
from splatseg.select.session import Session, same_camera
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.history import Bits, Placed, Step

SessionOf = Callable[[Bits | None], Session]

MOST_PROMPTS = 200
"""Most prompts of one selection: each is kept with its camera, and evaluated again when a slider moves."""

SAME_SPOT = 4.0
"""Pixels by which a second click on the same spot may miss the first."""


def ask(scene: ShownScene, session_of: SessionOf, step: Step, new: Placed | None = None) -> np.ndarray:
    """Return the selection of a step's prompts: members (N,) bool.

    session_of: returns a session without the hidden Gaussians.
    new: a prompt to evaluate on top of the step's members, in place of evaluating all its prompts.

    Raises PromptError as `select_by_prompts` does.
    """
    if new is not None:
        return _asked(scene, session_of, step, new, step.members.array)
    members = None if step.start is None else step.start.array
    for placed in step.prompts:
        members = _asked(scene, session_of, step, placed, members)
    assert members is not None, "a step without prompts and start has nothing to evaluate"
    return members


def placed_in(session: Session, prompt: Prompt, step: Step) -> Placed:
    """Return a prompt with the point and feature under its click.

    Raises PromptError for a click outside the image, or if the step has MOST_PROMPTS already.
    """
    hidden = step.hidden
    if len(step.prompts) >= MOST_PROMPTS:
        raise PromptError(f"{MOST_PROMPTS} clicks have made this selection; make it a segment, then go on")
    if prompt.click is None:
        return Placed(prompt, hidden)
    seen, query = session.look(prompt.camera, prompt.click), None
    if session.splats.features is not None:
        with contextlib.suppress(PromptError):  # nothing with features is there
            query = seen.feature
    return Placed(prompt, hidden, seen.xyz, query)


def mean_query(session: Session, members: np.ndarray) -> np.ndarray | None:
    """Return the mean unit feature (F,) of members (N,) bool; None if there are none or they have no features."""
    mean = session.features[members].sum(0) if members.any() else np.zeros(1, dtype=np.float32)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 1e-6 else None


def levels_in(scene: ShownScene, session_of: SessionOf, step: Step) -> Levels | None:
    """Return the levels of a step's click; None if its selection is not that of one click, or without a hierarchy."""
    alone = len(step.prompts) == 1 and step.start is None and step.threshold is None
    if not alone or step.prompts[0].prompt.click is None or scene.hierarchy is None:
        return None
    session = _with_table(scene, session_of(step.prompts[0].hidden))
    with contextlib.suppress(PromptError):  # nothing with segments is there: the selection comes from features
        return levels_of_click(session, step.prompts[0].prompt, scene.knowledge(step.granularity))
    return None


def level_text(scene: ShownScene, session_of: SessionOf, step: Step) -> str:
    """Describe the level of a step's click, as `Levels.describe`; "" where there is no choice."""
    levels = levels_in(scene, session_of, step)
    if levels is None or len(levels) == 1:
        return ""
    return levels.describe(step.prompts[0].prompt.level or levels.default)


def remarks_on(scene: ShownScene, session_of: SessionOf, step: Step) -> str:
    """Return the level of a step's click and its doubts (`select.doubts`), a line each; "" if there are none."""
    session = _with_table(scene, session_of(step.hidden))
    prompts, more = [placed.prompt for placed in step.prompts], step.start is not None
    doubts = doubts_of(session, prompts, step.members.array, scene.where, scene.hierarchy, more)
    return "\n".join(filter(None, [level_text(scene, session_of, step), *doubts]))


def next_level(scene: ShownScene, session_of: SessionOf, step: Step, click: Prompt) -> Prompt:
    """Return the step's click at its next level if the new click is at the same spot, else the new click.

    After the largest level comes the smallest.
    """
    last = step.prompts[0].prompt if len(step.prompts) == 1 else None
    if last is None or last.click is None or click.click is None or not same_camera(last.camera, click.camera):
        return click
    if np.hypot(*np.subtract(last.click, click.click)) > SAME_SPOT:  # first: levels take a pass over the votes
        return click
    levels = levels_in(scene, session_of, step)
    if levels is None or len(levels) == 1:
        return click
    return replace(last, level=(last.level or levels.default) % len(levels) + 1)


def _asked(
    scene: ShownScene, session_of: SessionOf, step: Step, placed: Placed, members: np.ndarray | None
) -> np.ndarray:
    prompt, hidden = placed.prompt, placed.hidden
    start = members if members is not None and members.any() else None
    if start is None and not prompt.wanted:
        raise PromptError("nothing is selected, so nothing can be taken away; click on something first")
    session = _with_table(scene, session_of(hidden))
    found = select_by_prompts(session, [prompt], scene.knowledge(step.granularity), step.threshold, start).members
    if hidden is not None:
        found = found & ~hidden.array
        if not found.any():
            raise PromptError("the object found there is hidden; show it first")
    return found


def _with_table(scene: ShownScene, session: Session) -> Session:
    """Return the session with the segments as they stand in the table, if the scene has one."""
    return session if scene.table is None else session.with_segments(scene.table.ids)
