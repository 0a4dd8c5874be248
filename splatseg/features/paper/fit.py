"""Features from masks by contrastive training: the paper's objective, joint with the photometric fit or alone.

Joint: `PaperObjective` is passed to `train.fit`; features are blended in the same rasterisation as colour, and the
clustering loss also moves the geometry, as in the official code. Alone: `fit_paper_features` trains features on frozen
geometry; steps without a loss are not taken one by one but together (`optimiser.coast`).

Alphabet: N Gaussians; F channels; H x W pixels; a step is counted from 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.view import View
from splatseg.features.paper.loss import clustering_loss
from splatseg.features.paper.settings import PaperSettings
from splatseg.features.paper.spatial import spatial_loss
from splatseg.features.report import FeatureReport
from splatseg.masks.source import MaskSource
from splatseg.raster.interface import prepare, rasterize_plan
from splatseg.splats.splats import Splats
from splatseg.train.fit import view_of_step
from splatseg.train.optimiser import Optimiser

FIRST, SPATIAL = 0, 1
"""Purposes of random numbers: the initial features, the samples of the spatial term."""


@dataclass(frozen=True, eq=False)
class PaperObjective:
    """The paper's two losses on the masks of a capture. A `train.JointObjective`."""

    masks: MaskSource
    """The masks of the capture's views."""
    settings: PaperSettings
    """Settings of both losses and their schedule."""

    @property
    def channels(self) -> int:
        """Number of feature channels, F."""
        return self.settings.channels

    @property
    def learning_rate(self) -> float:
        """Learning rate of the features."""
        return self.settings.learning_rate

    def initial_features(self, count: int) -> Tensor:
        """Draw features uniform in 0..1, as in the official code: all start alike (pairwise cosine about 0.75)."""
        rng = np.random.default_rng([self.settings.seed, FIRST])
        return torch.from_numpy(rng.random((count, self.settings.channels), dtype=np.float32))

    def due(self, step: int) -> bool:
        """Return True if either loss is used at a step."""
        return self.clusters(step) or self.spreads(step)

    def clusters(self, step: int) -> bool:
        """Return True if the clustering loss is used at a step."""
        return self.settings.clustering and step % self.settings.clustering_every == 0

    def spreads(self, step: int) -> bool:
        """Return True if the spatial term is used at a step."""
        return self.settings.spatial and step % self.settings.spatial_every == 0

    def loss(self, step: int, view: View, rendered: Tensor, means: Tensor, features: Tensor) -> Tensor:
        """Return the sum of the losses due at a step.

        rendered (H,W,F) of a view; means (N,3) and features (N,F) of Gaussians. A view without masks has no clustering
        loss.
        """
        total = features.new_zeros(())
        if self.clusters(step):
            labels = self._labels(view, rendered.shape[1], rendered.shape[0])
            if labels is not None:
                pixels = rendered.reshape(-1, rendered.shape[2])
                total = total + clustering_loss(pixels, labels.to(pixels.device), self.settings)
        if self.spreads(step):
            rng = np.random.default_rng([self.settings.seed, SPATIAL, step])
            total = total + spatial_loss(means, features, self.settings, rng)
        return total

    def _labels(self, view: View, width: int, height: int) -> Tensor | None:
        segments = self.masks.read(view)
        if segments is None:
            return None
        if (view.camera.width, view.camera.height) != (width, height):
            segments = segments.resized(width, height)
        return torch.from_numpy(np.ascontiguousarray(segments.flattened())).reshape(-1).long()


def fit_paper_features(
    splats: Splats,
    views: tuple[View, ...],
    masks: MaskSource,
    settings: PaperSettings,
    on_step: Callable[[FeatureReport], None] | None = None,
) -> Splats:
    """Train features (N,F) for a splat from the masks of views and return it with them; geometry and colours stay.

    on_step is called every `settings.report_every` steps, or at the next step with a loss after that.
    """
    objective = PaperObjective(masks, settings)
    optimiser = Optimiser({"features": objective.initial_features(len(splats))})
    rates = {"features": settings.learning_rate}
    geometry = splats.geometry
    began = time.perf_counter()
    reported = 0
    for step in (step for step in range(1, settings.iterations + 1) if objective.due(step)):
        _rest_until(optimiser, step - 1)
        optimiser.catch_up(rates)
        features = optimiser.parameters["features"]
        view = views[view_of_step(step - 1, len(views), settings.seed)]
        if objective.clusters(step):
            rendered, _ = rasterize_plan(prepare(*geometry, view.camera), features)
        else:
            rendered = features.new_zeros(0, 0, settings.channels)
        loss = objective.loss(step, view, rendered, splats.means, features)
        if loss.requires_grad:
            loss.backward()
        optimiser.step(rates)
        if on_step and step - reported >= settings.report_every:
            reported = step
            on_step(FeatureReport(step, float(loss.detach()), time.perf_counter() - began))
    _rest_until(optimiser, settings.iterations)
    optimiser.catch_up(rates)
    return splats.replace(features=optimiser.parameters["features"].detach().clone())


def _rest_until(optimiser: Optimiser, step: int) -> None:
    # Steps without a loss: the gradient is zero, momentum goes on (see optimiser.coast).
    optimiser.idle["features"] = optimiser.idle.get("features", 0) + step - optimiser.steps
    optimiser.steps = step
