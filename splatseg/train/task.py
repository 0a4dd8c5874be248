"""The task of a fit, all that stays the same from its first step to its last; its reports; and its state on disk."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.errors import RunError
from splatseg.tensors import DAMAGE
from splatseg.train import density
from splatseg.train.checkpoint import read_checkpoint
from splatseg.train.color_correction import ColorCorrection, Correction
from splatseg.train.context import Context
from splatseg.train.losses import JointObjective
from splatseg.train.settings import TrainSettings
from splatseg.train.state import FitState, restored
from splatseg.train.surroundings import centre_of
from splatseg.untrusted.documents import reason_of


@dataclass(frozen=True)
class StepReport:
    """Progress of a fit at a step."""

    step: int
    """Number of the step, counted from 1."""
    loss: float
    """Loss of this step's training view."""
    psnr: float
    """PSNR of this step's training view, dB, in the photograph's colours."""
    count: int
    """Number of Gaussians."""
    seconds: float
    """Seconds since the fit began or was resumed."""
    color_strength: float | None = None
    """Factor of the colour corrections of the photographs, 0 for none; None before it is decided."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit: what it is of and how it is done, all that stays the same from its first step to its last."""

    views: tuple[View, ...]
    """The views to train on."""
    settings: TrainSettings
    """All numbers."""
    centre: np.ndarray
    """Mean position (3,) float64 of the cameras of the whole capture, world."""
    extent: float
    """Size of the scene, world units, of the cameras of the whole capture."""
    objective: JointObjective | None = None
    """A loss on features that are trained jointly."""
    context: Context | None = None
    """Gaussians that are drawn beside those of the fit and never change."""

    @classmethod
    def of(cls, capture: Capture, settings: TrainSettings, objective: JointObjective | None = None) -> Fit:
        """Return the fit of all training views of a capture."""
        cameras = [view.camera for view in capture.split("train")]
        return cls(capture.split("train"), settings, centre_of(cameras), density.extent_of(cameras), objective)

    def facts(self) -> dict[str, Any]:
        """Return the facts by which checkpoints of this fit are known."""
        # Existing checkpoints call the settings "config".
        return {
            "config": dataclasses.asdict(self.settings) | {"background": list(self.settings.background)},
            "views": [view.name for view in self.views],
            "channels": self.objective.channels if self.objective is not None else 0,
        }


@dataclass(frozen=True, eq=False)
class Watch:
    """All that happens beside the steps of a fit; nothing of it changes a bit of the result."""

    on_step: Callable[[StepReport], None] | None = None
    """Called every `settings.report_every` steps and after the last."""
    checkpoints: Path | None = None
    """Folder to save to, every `settings.checkpoint_every` steps and CHECKPOINT_SECONDS after the last."""
    stop: Callable[[], bool] | None = None
    """Called after every step; once it returns True, a checkpoint is written and KeyboardInterrupt raised."""
    clock: Callable[[], float] = time.monotonic
    """Seconds."""


def color_correction(fit: Fit, state: dict[str, Tensor] | None = None) -> ColorCorrection | None:
    """Return the colour corrections that a fit finds as it goes; None if it is to find none.

    state: that of an earlier part of the same fit, to go on with.
    """
    settings = fit.settings
    if settings.color_correction == "never":
        return None
    return ColorCorrection(fit.views, settings.color_decided, settings.color_correction == "always", state)


def resumed(folder: Path, fit: Fit, correction: Correction | None = None) -> FitState | None:
    """Return the state of a fit from its newest checkpoint in a folder; None if there is none.

    correction: the colour corrections of a fit that does not find them itself.

    Raises RunError if a checkpoint is damaged or belongs to another fit.
    """
    checkpoint = read_checkpoint(folder)
    if checkpoint is None:
        return None
    for name, value in fit.facts().items():
        recorded = checkpoint.facts.get(name)
        if name == "config" and isinstance(recorded, dict):
            recorded = {"color_correction": "never", "color_decided": fit.settings.color_decided} | recorded
        if recorded != value:
            raise RunError(
                f"the checkpoint in {folder} is of a fit with another {name}; "
                "resume with the settings of that fit, or start over"
            )
    try:
        state = restored(checkpoint.tensors, checkpoint.step, checkpoint.facts["idle"])
        colors = {name: value for name, value in checkpoint.tensors.items() if name.startswith("color.")}
        own = color_correction(fit, {name.removeprefix("color."): value for name, value in colors.items()})
        state.correction = own if correction is None else correction
        return state
    except DAMAGE as error:
        raise RunError(
            f"the checkpoint in {folder} does not hold a fit ({reason_of(error)}); start the run over"
        ) from error
