"""Protocol of `splatseg evaluate` for objects: each is prompted by its true mask in one training view.

1. The prompt view of an object is the first training view in which it covers at least `prompt_share` of the most it
   covers in any training view.
2. Objects count if they have at least `prompt_area` pixels there and at least `test_area` in `test_views` test views.
3. The method gets the true mask in the prompt view and gives a mask in every test view.
4. An object's score is the mean over the test views where it has `test_area` pixels or more. A missing mask scores 0.
5. mIoU and mBIoU are means over things; stuff (floor, walls) is reported separately.

Alphabet: label maps (H,W) int32; areas (V, L) pixels of label l in view v.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splatseg.errors import PromptError
from splatseg.evaluate.segmentation import boundary_iou, iou
from splatseg.evaluate.truth import Truth

Select = Callable[[str, np.ndarray], Mapping[str, np.ndarray]]
"""select(view, mask (H,W) bool) -> {test view: mask (H,W) bool}; may leave views out, may raise PromptError."""


@dataclass(frozen=True, kw_only=True)
class ProtocolSettings:
    """The thresholds of the protocol; areas in pixels at the size of evaluation."""

    prompt_share: float = 0.6
    """Least area of an object in its prompt view, as a share of its largest in any training view."""
    prompt_area: int = 300
    """Least area of an object in its prompt view."""
    test_area: int = 100
    """Least area of an object in a test view that is scored."""
    test_views: int = 2
    """Least number of test views that are scored."""


@dataclass(frozen=True)
class ObjectPrompt:
    """The prompt of an object that counts."""

    id: int
    """Id of the object."""
    view: str
    """Name of the prompt view."""
    area: int
    """Its pixels in the prompt view."""
    test_views: tuple[str, ...]
    """Names of the test views in which it is scored."""


@dataclass(frozen=True)
class ViewScore:
    """Score of an object in one test view."""

    view: str
    """Name of the view."""
    iou: float
    """IoU with the true mask."""
    boundary_iou: float
    """Boundary IoU with the true mask."""


@dataclass(frozen=True)
class ObjectScore:
    """Score of an object, view by view."""

    prompt: ObjectPrompt
    """The object's prompt."""
    name: str
    """The object's name."""
    views: tuple[ViewScore, ...]
    """Scores in its test views."""

    @property
    def iou(self) -> float:
        """Mean IoU over the test views."""
        return float(np.mean([view.iou for view in self.views]))

    @property
    def boundary_iou(self) -> float:
        """Mean boundary IoU over the test views."""
        return float(np.mean([view.boundary_iou for view in self.views]))


@dataclass(frozen=True)
class ProtocolResult:
    """Scores of things and, separately, of stuff."""

    things: tuple[ObjectScore, ...]
    """Scores of things."""
    stuff: tuple[ObjectScore, ...]
    """Scores of stuff (floor, walls)."""
    settings: ProtocolSettings
    """The thresholds used."""

    @property
    def miou(self) -> float | None:
        """Mean IoU over things; None if there are none."""
        return float(np.mean([score.iou for score in self.things])) if self.things else None

    @property
    def mbiou(self) -> float | None:
        """Mean boundary IoU over things; None if there are none."""
        return float(np.mean([score.boundary_iou for score in self.things])) if self.things else None

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "miou": self.miou,
            "mbiou": self.mbiou,
            "settings": dataclasses.asdict(self.settings),
            "things": [_object_json(score) for score in self.things],
            "stuff": [_object_json(score) for score in self.stuff],
        }


def prompts_of(
    truth: Truth,
    train_names: Sequence[str],
    test_names: Sequence[str],
    settings: ProtocolSettings | None = None,
) -> list[ObjectPrompt]:
    """Return the objects that count, by id, with their prompt views (steps 1 and 2). Views keep the given order."""
    settings = settings or ProtocolSettings()
    ids = truth.ids
    if not ids or not train_names:
        return []
    train_areas = _areas(truth, train_names, max(ids))
    test_areas = _areas(truth, test_names, max(ids))
    prompts = []
    for i in ids:
        in_train = train_areas[:, i]
        prompt = int(np.argmax(in_train >= settings.prompt_share * in_train.max()))
        scored = tuple(
            name for name, area in zip(test_names, test_areas[:, i], strict=True) if area >= settings.test_area
        )
        if in_train[prompt] >= settings.prompt_area and len(scored) >= settings.test_views:
            prompts.append(ObjectPrompt(i, train_names[prompt], int(in_train[prompt]), scored))
    return prompts


def score_object(truth: Truth, prompt: ObjectPrompt, masks: Mapping[str, np.ndarray]) -> ObjectScore:
    """Compare the masks of an object, (H,W) bool by view, with the truth in its test views (step 4)."""
    views = []
    for name in prompt.test_views:
        labels, mask = truth.label_maps[name], masks.get(name)
        if mask is None:
            views.append(ViewScore(name, 0.0, 0.0))
            continue
        pred = mask if truth.unknown is None else mask & (labels != truth.unknown)
        target = labels == prompt.id
        views.append(ViewScore(name, iou(pred, target), boundary_iou(pred, target)))
    return ObjectScore(prompt, truth.name(prompt.id), tuple(views))


def run_protocol(
    truth: Truth,
    train_names: Sequence[str],
    test_names: Sequence[str],
    select: Select,
    settings: ProtocolSettings | None = None,
) -> ProtocolResult:
    """Prompt every object that counts and score the returned masks. A prompt that selects nothing scores 0."""
    settings = settings or ProtocolSettings()
    scores = []
    for prompt in prompts_of(truth, train_names, test_names, settings):
        try:
            masks = select(prompt.view, truth.label_maps[prompt.view] == prompt.id)
        except PromptError:
            masks = {}
        scores.append(score_object(truth, prompt, masks))
    things = tuple(score for score in scores if score.prompt.id not in truth.stuff)
    stuff = tuple(score for score in scores if score.prompt.id in truth.stuff)
    return ProtocolResult(things, stuff, settings)


def _areas(truth: Truth, names: Sequence[str], max_id: int) -> np.ndarray:
    rows = [np.bincount(truth.label_maps[name].ravel(), minlength=max_id + 1)[: max_id + 1] for name in names]
    return np.array(rows).reshape(len(names), max_id + 1)


def _object_json(score: ObjectScore) -> dict[str, Any]:
    return {
        "id": score.prompt.id,
        "name": score.name,
        "prompt_view": score.prompt.view,
        "prompt_area": score.prompt.area,
        "iou": score.iou,
        "boundary_iou": score.boundary_iou,
        "views": [dataclasses.asdict(view) for view in score.views],
    }
