"""From masks to the figures of a benchmark, with its own order of averaging.

Definitions, where the field's scripts differ or are silent: a missing prediction scores 0 and is listed (some scripts
skip it, which flatters). If prediction and truth are both empty, 0/0, the score is 1 (the LERF-Mask script gives NaN,
those of LERF-OVS and 3D-OVS 0). A prediction of another size is resampled to the truth by nearest neighbour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.published import published_of
from splatseg.evaluate.protocols.task import Box, Protocol, Row, Target, Task, fitted, read_grey
from splatseg.evaluate.segmentation import boundary_iou, iou
from splatseg.untrusted.paths import names_file

Predict = Callable[[Target], np.ndarray | None]
"""Return the mask for a target as grey levels (h,w) uint8 of any size; None if there is none."""

PEAK_WINDOW = 30
"""Side in pixels of the square over which LangSplat averages before it searches the peak."""


@dataclass(frozen=True, eq=False)
class TaskScore:
    """Score of a task."""

    name: str
    """Name of the task."""
    rows: tuple[Row, ...]
    """Scores of its targets."""
    figures: dict[str, float]
    """Figures made of the rows."""
    trained_on: tuple[str, ...] = ()
    """Scored views that had been trained on."""

    @property
    def missing(self) -> list[str]:
        """Targets without a prediction, as view/prompt."""
        return [f"{row.view}/{row.prompt}" for row in self.rows if row.missing]

    def by_prompt(self) -> dict[str, list[Row]]:
        """Return the rows of every prompt, in order."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows:
            grouped.setdefault(row.prompt, []).append(row)
        return grouped

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        prompts = {
            prompt: {"iou": mean(row.iou for row in rows), "boundary_iou": mean(row.boundary_iou for row in rows)}
            for prompt, rows in self.by_prompt().items()
        }
        return {
            "name": self.name,
            "figures": self.figures,
            "missing": self.missing,
            "trained_on_scored_views": list(self.trained_on),
            "prompts": prompts,
            "rows": [dataclasses.asdict(row) for row in self.rows],
        }


@dataclass(frozen=True, eq=False)
class ProtocolScore:
    """Result of a benchmark."""

    protocol: Protocol
    """The benchmark."""
    tasks: tuple[TaskScore, ...]
    """Scores of its tasks."""
    prompts: str
    """Origin of the masks: prompts "oracle" or "text", or "given" (masks of another method)."""

    @property
    def figures(self) -> dict[str, float]:
        """Means over tasks, with equal weights."""
        names = self.tasks[0].figures if self.tasks else {}
        return {name: mean(task.figures[name] for task in self.tasks) for name in names}

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "protocol": self.protocol.name,
            "title": self.protocol.title,
            "prompts": self.prompts,
            "figures": self.figures,
            "published": [dataclasses.asdict(row) for row in published_of(self.protocol.name)],
            "tasks": [task.to_json() for task in self.tasks],
        }


def score_task(protocol: Protocol, task: Task, predict: Predict) -> TaskScore:
    """Compare a task's predictions with its truth, target by target. Raises MaskError for truth that cannot be read."""
    rows = []
    wrong: dict[str, np.ndarray] = {}
    for target in task.targets:
        truth, grey = target.truth(), predict(target)
        pred = None if grey is None else fitted(grey, truth.shape[1], truth.shape[0]) > protocol.level
        rows.append(_row(target, truth, pred, grey))
        if protocol.whole_pixels:
            differs = np.ones_like(truth) if pred is None else pred != truth
            before = wrong.get(target.view, np.zeros_like(truth))
            if before.shape != truth.shape:
                raise MaskError(f"the true masks of view {target.view} of {task.name} differ in size; make them alike")
            wrong[target.view] = before | differs
    if protocol.whole_pixels:
        exact = {view: 1.0 - float(differs.mean()) for view, differs in wrong.items()}
        rows = [dataclasses.replace(row, exact=exact[row.view]) for row in rows]
    return TaskScore(task.name, tuple(rows), protocol.figures(rows))


def score_predictions(protocol: Protocol, folder: Path, predictions: Path, tasks: Sequence[str] = ()) -> ProtocolScore:
    """Score masks that another method wrote, in the layout of the protocol's own tools.

    folder: the data set; predictions: one folder per task, or for a single task the masks themselves; tasks: names of
    the tasks to score, none for all.

    Raises MaskError for a data set or predictions that are missing or damaged, for a data set that is incomplete, and
    if not a single prediction is found.
    """
    chosen = read_tasks(protocol, folder, tasks)
    if not predictions.is_dir():
        raise MaskError(f"there is no folder of predictions at {predictions}")
    scores = [score_task(protocol, task, _reader(_place(predictions, task, len(chosen)))) for task in chosen]
    if all(row.missing for score in scores for row in score.rows):
        task = chosen[0]
        expected = " or ".join(f"{task.name}/{name}" for name in task.targets[0].files)
        raise MaskError(f"{predictions} holds none of the masks that are scored; the first would be {expected}")
    return ProtocolScore(protocol, tuple(scores), "given")


def read_tasks(protocol: Protocol, folder: Path, names: Sequence[str] = ()) -> tuple[Task, ...]:
    """Read the tasks of a data set, all or those in `names`.

    Raises MaskError for missing files, which it lists, and for unknown names.
    """
    tasks = protocol.read(folder)
    unknown = sorted(set(names) - {task.name for task in tasks})
    if unknown:
        raise MaskError(
            f"{folder} has no scene named {', '.join(unknown)}; it has {', '.join(task.name for task in tasks)}"
        )
    return tuple(task for task in tasks if not names or task.name in names)


def mean(values: Any) -> float:
    """Return the mean of the scores; 0.0 if there are none."""
    listed = list(values)
    return float(np.mean(listed)) if listed else 0.0


def over_pairs(rows: Sequence[Row], figure: str) -> float:
    """Return the flat mean over all (prompt, view) pairs."""
    return mean(getattr(row, figure) for row in rows)


def over_prompts(rows: Sequence[Row], figure: str) -> float:
    """Return the mean over prompts of each prompt's mean over its views."""
    prompts = dict.fromkeys(row.prompt for row in rows)
    return mean(over_pairs([row for row in rows if row.prompt == prompt], figure) for prompt in prompts)


def share_above(rows: Sequence[Row], threshold: float) -> float:
    """Return the share of pairs whose IoU is above a threshold."""
    return mean(row.iou > threshold for row in rows)


def _row(target: Target, truth: np.ndarray, pred: np.ndarray | None, grey: np.ndarray | None) -> Row:
    localised = False if target.boxes else None
    if pred is None:
        nothing = (0.0, 0.0, 0.0, 0, int(np.count_nonzero(truth)))
        return Row(target.prompt, target.view, *nothing, True, target.is_reference, localised=localised)
    if target.boxes and grey is not None:
        localised = peak_in_boxes(fitted(grey, truth.shape[1], truth.shape[0]), target.boxes)
    return Row(
        prompt=target.prompt,
        view=target.view,
        iou=iou(pred, truth),
        boundary_iou=boundary_iou(pred, truth),
        accuracy=float(np.mean(pred == truth)),
        intersection=int(np.count_nonzero(pred & truth)),
        union=int(np.count_nonzero(pred | truth)),
        is_reference=target.is_reference,
        localised=localised,
    )


def peak_in_boxes(grey: np.ndarray, boxes: Sequence[Box]) -> bool:
    """Return True if the peak of a mask (H,W), taken as a map of relevance, lies in a box: LangSplat's localisation.

    The peak is that of its mean over 30x30 pixels; the edges of boxes belong to them. A mask without any pixel has no
    peak.
    """
    if not grey.any():
        return False
    smoothed = uniform_filter(grey.astype(np.float64), PEAK_WINDOW, mode="mirror")
    ys, xs = np.nonzero(smoothed >= smoothed.max() * (1 - 1e-9))
    for x0, y0, x1, y1 in boxes:
        inside = (xs >= min(x0, x1)) & (xs <= max(x0, x1)) & (ys >= min(y0, y1)) & (ys <= max(y0, y1))
        if inside.any():
            return True
    return False


def _place(predictions: Path, task: Task, count: int) -> Path:
    own = predictions / task.name
    return predictions if count == 1 and not own.is_dir() else own


def _reader(folder: Path) -> Predict:
    def predict(target: Target) -> np.ndarray | None:
        found = [folder / name for name in target.files if names_file(folder / name)]
        return read_grey(found[0]) if found else None

    return predict
