"""Scores runs on the field's benchmarks: the protocol's prompts, masks in its test views, its figures.

The oracle's prompt is the true mask (NVOS: the scribbles) in the protocol's prompt view. Word prompts are answered by a
callable, so that any method that turns words into a selection can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.errors import PromptError, RunError
from splatseg.evaluate.protocols.nvos import spread_clicks
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import Predict, ProtocolScore, TaskScore, read_tasks, score_task
from splatseg.evaluate.protocols.task import Protocol, Reference, Target, Task, fitted
from splatseg.files import write_text
from splatseg.jobs.blocks.at_hand import splats_of_run
from splatseg.plain_text import first_few
from splatseg.render.label_maps import selection_mask, selection_weights, write_mask
from splatseg.run.folder import Run
from splatseg.run.reporter import Advance, NullReporter, Reporter, Summary
from splatseg.select.knowledge import Knowledge
from splatseg.select.match import Match
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import select_by_prompts
from splatseg.splats.splats import Splats

Words = Callable[[Run, str], Match]
"""words(run, text): the object that the text names, selected in the run's splat. Raises PromptError if not found."""

SILHOUETTE = 0.7
"""Least opacity of a pixel that a selection covers when it is drawn alone (OpenGaussian)."""


def evaluate_protocol(
    runs: Sequence[Run],
    protocol: str,
    folder: Path,
    scenes: Sequence[str] = (),
    words: Words | None = None,
    output: Path | None = None,
    reporter: Reporter | None = None,
) -> ProtocolScore:
    """Score runs, each trained on a scene of a benchmark's data set; a run answers the tasks of its scene (`tasks_of`).

    protocol: a name in `evaluate.protocols.registry.PROTOCOLS`.
    folder: the data set.
    scenes: names of the tasks to score; empty scores all.
    words: answers the protocol's words; None prompts with the oracle's masks.
    output: folder to write the masks to, in the layout that `--predictions` reads.

    Raises MaskError for an incomplete data set, RunError for a run of another scene or one that is not finished.

    Example:
        >>> score = splatseg.evaluate_protocol([run], "spin-nerf", benchmark)
        >>> 0.0 <= score.figures["miou"] <= 1.0
        True
    """
    reporter = reporter or NullReporter()
    rules = PROTOCOLS[protocol]
    tasks = read_tasks(rules, folder, scenes)
    scores = []
    for run in runs:
        own = tasks_of(run, tasks)
        views = [_views(run, task) for task in own]
        splats = splats_of_run(run, len(run.capture.split("train")))
        if splats.features is None:
            raise RunError(f"{run.path} has no features yet; run `splatseg segment {run.path} --masks DIR` first")
        with reporter.stage("targets", sum(len(task.targets) for task in own)) as advance:
            answers = _Answers(run, splats, rules, words, output, advance)
            for task, of_view in zip(own, views, strict=True):
                score = score_task(rules, task, answers.of(task, of_view))
                trained = {view.name for view in run.capture.split("train")}
                leaked = tuple(name for name, view in of_view.items() if view.name in trained)
                scores.append(TaskScore(score.name, score.rows, score.figures, leaked))
                _warn(run, task, leaked, reporter)
    return ProtocolScore(rules, tuple(scores), "oracle" if words is None else "text")


def write_held_out(protocol: str, folder: Path, path: Path, scenes: Sequence[str] = ()) -> Summary:
    """Write the names of the views that a protocol holds out, one per line, for `splatseg train --test-views`.

    Returns a summary. Raises MaskError if the data set is incomplete, RunError if its scenes have several captures.
    """
    tasks = read_tasks(PROTOCOLS[protocol], folder, scenes)
    captures = sorted({task.capture for task in tasks})
    if len(captures) > 1:
        raise RunError(f"{folder} holds several scenes; name one with --scenes: {', '.join(captures)}")
    names = list(dict.fromkeys(name for task in tasks for name in task.held_out()))
    write_text(path, "".join(f"{name}\n" for name in names))
    text = f"{len(names)} views of {captures[0]} to hold out; wrote {path}"
    return Summary(text, held_out=names, capture=captures[0], output=path)


def tasks_of(run: Run, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks of a run's scene: named as its capture, or beginning with that name ("horns_left").

    If all tasks share one capture, they are the run's. Raises RunError if no task belongs to the run.
    """
    name = _plain(run.capture.path.absolute().name)
    own = [task for task in tasks if _plain(task.capture) == name or _plain(task.capture).startswith(f"{name}_")]
    if own:
        return own
    captures = sorted({task.capture for task in tasks})
    if len(captures) == 1:
        return list(tasks)
    raise RunError(
        f"{run.path} was trained on {run.capture.path}, and no scene has that name; name its scene with --scenes: "
        f"{', '.join(captures)}"
    )


def _plain(name: str) -> str:
    return name.lower().removesuffix("_undistort")


def _views(run: Run, task: Task) -> dict[str, View]:
    """Return the run's view for every view of a task, prompt views included. Raises RunError listing missing views."""
    names = [view.name for view in run.capture.views]
    wanted = dict.fromkeys([*(target.view for target in task.targets), *(r.view for r in task.references.values())])
    images = {view: task.image(view, names) for view in wanted}
    absent = [view for view, image in images.items() if image is None]
    if absent:
        raise RunError(
            f"the capture of {run.path} lacks {len(absent)} of the {len(images)} views of {task.name} "
            f"({first_few(absent)}); train on the benchmark's own capture"
        )
    return {view: run.capture.view(image) for view, image in images.items() if image is not None}


def _warn(run: Run, task: Task, leaked: tuple[str, ...], reporter: Reporter) -> None:
    held_out = task.held_out()
    if held_out and leaked:
        reporter.warn(
            f"{run.path} was trained on {len(leaked)} views that are held out in {task.name}; list them with "
            "--write-test-views and train with --test-views"
        )


class _Answers:
    """Answers the targets of tasks with masks: every prompt is selected once, then drawn in the target views."""

    def __init__(
        self,
        run: Run,
        splats: Splats,
        protocol: Protocol,
        words: Words | None,
        output: Path | None,
        advance: Advance,
    ) -> None:
        self._run, self._splats, self._protocol = run, splats, protocol
        self._words, self._output, self._advance = words, output, advance
        self._knowledge = Knowledge(run.agreement(splats), run.hierarchy(splats))
        self._selected: dict[tuple[str, str], Match | None] = {}
        self._done = 0

    def of(self, task: Task, views: dict[str, View]) -> Predict:
        """Return the function that answers the targets of one task. views: the run's view for each of the task's."""
        return lambda target: self._mask(task, views, target)

    def _mask(self, task: Task, views: dict[str, View], target: Target) -> np.ndarray | None:
        """Return the mask (h,w) uint8, 0 or 255, at the size of the run's view; None if nothing was selected."""
        key = (task.name, target.prompt)
        if key not in self._selected:
            self._selected[key] = self._select(task, views, target.prompt)
        selection = self._selected[key]
        self._done += 1
        self._advance(self._done)
        if selection is None:
            return None
        camera = views[target.view].camera
        if self._protocol.shown == "alone":
            shown = silhouette(self._splats, selection.members, camera)
        else:
            shown = selection_mask(self._splats, camera, selection.members)
        if self._output is not None:
            write_mask(self._output / task.name / target.files[0], shown)
        return shown.astype(np.uint8) * 255

    def _select(self, task: Task, views: dict[str, View], prompt: str) -> Match | None:
        try:
            if self._words is not None:
                return self._words(self._run, prompt)
            reference = task.references.get(prompt)
            if reference is None:
                return None  # the object is in no prompt view: there is no mask to prompt with
            prompts = prompts_of_reference(reference, views[reference.view])
            return select_by_prompts(self._splats, prompts, self._knowledge)
        except PromptError:
            return None


def prompts_of_reference(reference: Reference, view: View) -> list[Prompt]:
    """Return the oracle's prompts in a view of a run: a mask, or clicks spread over scribbles."""
    camera = view.camera
    wanted = fitted(reference.wanted(), camera.width, camera.height)
    unwanted = None if reference.unwanted is None else fitted(reference.unwanted(), camera.width, camera.height)
    if not reference.scribbles:
        return [Prompt(camera, mask=wanted)]
    prompts = [Prompt(camera, click=click) for click in spread_clicks(wanted)]
    if unwanted is not None:
        prompts += [Prompt(camera, click=click, wanted=False) for click in spread_clicks(unwanted)]
    return prompts


def silhouette(splats: Splats, members: np.ndarray, camera: Camera) -> np.ndarray:
    """Return the pixels (H,W) bool with an opacity above SILHOUETTE when the members (N,) bool are drawn alone."""
    alone = splats.subset(torch.from_numpy(members))
    return selection_weights(alone, camera, np.ones(len(alone), bool)) > SILHOUETTE
