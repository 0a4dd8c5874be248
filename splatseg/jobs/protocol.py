"""The field's benchmarks on runs: prompts as the protocol gives them, masks of its test views, its figures.

The oracle's prompt is the true mask (NVOS: the scribbles) in the protocol's prompt view. Words come from a callable, so
that whatever turns words into a selection can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import View
from splatseg.errors import PromptError, RunError
from splatseg.evaluate.protocols.nvos import spread_clicks
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import Predict, ProtocolScore, TaskScore, read_tasks, score_task
from splatseg.evaluate.protocols.task import Protocol, Reference, Target, Task, fitted
from splatseg.files import write_text
from splatseg.render.label_maps import selection_mask, selection_weights, write_mask
from splatseg.run.folder import Run
from splatseg.run.reporter import Advance, NullReporter, Reporter
from splatseg.select.knowledge import Knowledge
from splatseg.select.match import Match
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import select_by_prompts
from splatseg.splats.splats import Splats

Words = Callable[[Run, str], Match]
"""words(run, text): the selection of what the text names in the run's splat. Raises PromptError if it finds nothing."""

SILHOUETTE = 0.7
"""Opacity above which a selection that is drawn alone covers a pixel (OpenGaussian)."""


def evaluate_protocol(
    runs: Sequence[Run],
    protocol: str,
    folder: Path,
    scenes: Sequence[str] = (),
    words: Words | None = None,
    output: Path | None = None,
    reporter: Reporter | None = None,
) -> ProtocolScore:
    """Score runs, each trained on a scene of a benchmark's data set at `folder`.

    protocol: a name of `evaluate.PROTOCOLS`. A run answers the tasks of its own scene (`tasks_of`). scenes: names of
    the tasks that count, none for all. words: None prompts by the
    oracle. output: a folder for the masks, laid out as `--predictions` are read.

    Raises MaskError for a data set that is incomplete, RunError for a run of another scene, or not finished.

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
        splats = run.splats()
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


def write_held_out(protocol: str, folder: Path, path: Path, scenes: Sequence[str] = ()) -> str:
    """Write the views that a protocol keeps from training, one a line, for `splatseg train --test-views`.

    Returns a summary. Raises MaskError if the data set is incomplete, RunError if its scenes do not share a capture.
    """
    tasks = read_tasks(PROTOCOLS[protocol], folder, scenes)
    captures = sorted({task.capture for task in tasks})
    if len(captures) > 1:
        raise RunError(f"{folder} holds several scenes; name one with --scenes: {', '.join(captures)}")
    names = list(dict.fromkeys(name for task in tasks for name in task.held_out()))
    write_text(path, "".join(f"{name}\n" for name in names))
    return f"{len(names)} views of {captures[0]} to hold out; wrote {path}"


def tasks_of(run: Run, tasks: Sequence[Task]) -> list[Task]:
    """The tasks that are asked of a run: named as its capture, or as that and more ("horns_left"), or the only ones.

    Raises RunError if it cannot be told which.
    """
    name = _plain(run.capture.path.absolute().name)
    own = [task for task in tasks if _plain(task.capture) == name or _plain(task.capture).startswith(f"{name}_")]
    if own:
        return own
    captures = sorted({task.capture for task in tasks})
    if len(captures) == 1:
        return list(tasks)
    raise RunError(
        f"{run.path} was trained on {run.capture.path}, and no scene is named so; name its scene with --scenes: "
        f"{', '.join(captures)}"
    )


def _plain(name: str) -> str:
    return name.lower().removesuffix("_undistort")


def _views(run: Run, task: Task) -> dict[str, View]:
    """The run's view for every view of a task, those of prompts too. Raises RunError, listing what it lacks."""
    names = [view.name for view in run.capture.views]
    wanted = dict.fromkeys([*(target.view for target in task.targets), *(r.view for r in task.references.values())])
    images = {view: task.image(view, names) for view in wanted}
    absent = [view for view, image in images.items() if image is None]
    if absent:
        raise RunError(
            f"the capture of {run.path} lacks {len(absent)} of the {len(images)} views of {task.name} "
            f"({', '.join(absent[:3])}{', ...' if len(absent) > 3 else ''}); train on the benchmark's own capture"
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
    """The masks of a run for the targets of tasks: every prompt is selected once, then drawn in its views."""

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
        """Answers the targets of one task, given the run's view for each of its views."""
        return lambda target: self._mask(task, views, target)

    def _mask(self, task: Task, views: dict[str, View], target: Target) -> np.ndarray | None:
        """Grey levels (h,w) uint8 at the size of the run's view; None if nothing was selected."""
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
                return None  # never seen: there is nothing to point at
            prompts = prompts_of_reference(reference, views[reference.view])
            return select_by_prompts(self._splats, prompts, self._knowledge)
        except PromptError:
            return None


def prompts_of_reference(reference: Reference, view: View) -> list[Prompt]:
    """The oracle's prompts in a view of a run: a mask, or clicks spread over scribbles."""
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
    """(H,W) bool: where some Gaussians, members (N,) bool, are opaque by more than SILHOUETTE when drawn alone."""
    alone = splats.subset(torch.from_numpy(members))
    return selection_weights(alone, camera, np.ones(len(alone), bool)) > SILHOUETTE
