"""From the prompts of a workspace to what they select, one after another: a wanted one is added to what is selected,
one that is not wanted takes away from it. What was hidden when a prompt was given is hidden whenever it is asked.

Alphabet: N Gaussians; members (N,) bool.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from splatseg.errors import PromptError
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import select_by_prompts
from splatseg.select.session import Session
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.history import Bits, Placed, Step

SessionOf = Callable[[Bits | None], Session]


def ask(scene: ShownScene, session_of: SessionOf, step: Step, new: Placed | None = None) -> np.ndarray:
    """What a step's prompts select, with one more after them if there is a `new` one: members (N,) bool.

    Raises PromptError as `select_by_prompts` does.
    """
    if new is not None:
        return _asked(scene, session_of, step, new, step.members.array)
    members = None if step.start is None else step.start.array
    for placed in step.prompts:
        members = _asked(scene, session_of, step, placed, members)
    assert members is not None, "there are neither prompts nor a start"
    return members


def placed_in(session: Session, prompt: Prompt, hidden: Bits | None) -> Placed:
    """Return a prompt with what is seen where it is given. Raises PromptError for a click outside the image."""
    if prompt.click is None:
        return Placed(prompt, hidden)
    seen, query = session.look(prompt.camera, prompt.click), None
    if session.splats.features is not None:
        with contextlib.suppress(PromptError):  # nothing with features is seen there
            query = seen.feature
    return Placed(prompt, hidden, seen.xyz, query)


def mean_query(session: Session, members: np.ndarray) -> np.ndarray | None:
    """The unit feature (F,) of members (N,) bool on the mean; None without members or features of theirs."""
    mean = session.features[members].sum(0) if members.any() else np.zeros(1, dtype=np.float32)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 1e-6 else None


def _asked(
    scene: ShownScene, session_of: SessionOf, step: Step, placed: Placed, members: np.ndarray | None
) -> np.ndarray:
    prompt, hidden = placed.prompt, placed.hidden
    start = members if members is not None and members.any() else None
    if start is None and not prompt.wanted:
        raise PromptError("nothing is selected that could be taken away from; click on something first")
    session = session_of(hidden)
    session.plan(prompt.camera)  # sessions made of this one share the view that is prepared now
    if scene.table is not None:
        session = session.with_segments(scene.table.ids)
    found = select_by_prompts(session, [prompt], scene.knowledge(step.granularity), step.threshold, start).members
    if hidden is not None:
        found = found & ~hidden.array
        if not found.any():
            raise PromptError("what is found there is hidden; show it first")
    return found
