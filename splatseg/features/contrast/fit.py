"""Contrastive training on frozen geometry: pixels of a few views per step, prototypes shared by views that agree.

Votes come first, as for `lift`: they give the groups of masks that show the same thing (`consensus`), and also the
prototypes, because the mean of the blended features of all pixels of a mask is a product with its column of votes:

    c_g = sum_m in g a_m sum_i W_im f_i, to unit length          a_m the weight of mask m

Features stay unit vectors: after every step each Gaussian's is scaled to unit length.

Alphabet: N Gaussians; M masks; G groups of masks; F channels; P pixels of a step; a step is counted from 1.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from splatseg.capture.view import View
from splatseg.features.contrast.consensus import Consensus, find_consensus
from splatseg.features.contrast.initial_features import starting_features
from splatseg.features.contrast.loss import pair_biases, pixel_shares, prototype_loss
from splatseg.features.contrast.optimiser import Descent, expected_weight
from splatseg.features.contrast.sampling import Sample, SampledViews
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.contrast.spatial import neighbour_loss, true_neighbours
from splatseg.features.lift.embed import fill_unseen
from splatseg.features.report import FeatureReport
from splatseg.masks.source import MaskSource
from splatseg.raster.interface import rasterize_pixels
from splatseg.splats.splats import Splats
from splatseg.train.fit import view_of_step
from splatseg.votes.votes import Votes

FARTHEST = 0.3
"""Highest rate of a step; features have length 1."""

SPATIAL = 2
"""Purpose of random numbers: the samples of the spatial term."""


def fit_contrast_features(
    splats: Splats,
    views: Sequence[View],
    masks: MaskSource,
    votes: Votes,
    settings: ContrastSettings | None = None,
    on_step: Callable[[FeatureReport], None] | None = None,
) -> Splats:
    """Train features (N,F) for a splat from the masks of views and their votes; everything else of it stays.

    on_step is called every `settings.report_every` steps. If no mask has a weight, features stay as they started.

    Raises MaskError, with `start` lift, if the masks are too small or too weak to start from.
    """
    settings = settings or ContrastSettings()
    began = time.perf_counter()
    objective = Objective(splats, views, masks, votes, settings)
    features = fill_unseen(starting_features(votes, settings), splats.positions)
    descent = Descent(torch.from_numpy(features), objective.seen)
    for step in range(1, settings.iterations + 1):
        loss = objective.loss(step, descent.features)
        if not loss.requires_grad:
            break
        loss.backward()
        descent.step(rate_at(step, settings))
        if on_step and step % settings.report_every == 0:
            on_step(FeatureReport(step, float(loss.detach()), time.perf_counter() - began))
    trained = descent.features.detach().numpy().copy()
    trained[np.diff(votes.weights.indptr) == 0] = 0.0  # Gaussians that no mask sees have learned nothing
    return splats.replace(features=torch.from_numpy(fill_unseen(trained, splats.positions)))


def rate_at(step: int, settings: ContrastSettings) -> float:
    """Return the rate of a step (counted from 1): half a cosine that falls to 0; the sum over all steps is `travel`.

    No rate exceeds FARTHEST, even if there are too few steps for `travel`.
    """
    falling = 1.0 + math.cos(math.pi * (step - 0.5) / settings.iterations)
    return min(settings.travel / settings.iterations * falling, FARTHEST)


class Objective:
    """The losses of a step as functions of the features (N,F). Shared prototypes are constants for the gradient."""

    def __init__(
        self, splats: Splats, views: Sequence[View], masks: MaskSource, votes: Votes, settings: ContrastSettings
    ) -> None:
        self._settings = settings
        consensus = find_consensus(votes, settings.seed)
        weights = mask_weights(consensus, settings)
        important = (weights * votes.areas**settings.area_power).astype(np.float32)
        self._weights = torch.from_numpy(important)
        self.seen: Tensor = expected_weight(votes, important)
        self._views = SampledViews(splats, views, masks, votes, weights > 0, settings)
        self._shared = _Shared(votes, consensus, weights, settings) if settings.cross_view else None
        self._neighbours: Tensor | None = None
        if settings.spatial_weight > 0:
            self._neighbours = torch.from_numpy(true_neighbours(splats.positions, settings.neighbours))

    def loss(self, step: int, features: Tensor) -> Tensor:
        """Return the sum of all terms at a step; it requires no gradient if there is nothing to learn from."""
        total = torch.zeros(())
        if len(self._views) == 0:
            return total
        for turn in range(min(self._settings.views_a_step, len(self._views))):
            number = (step - 1) * self._settings.views_a_step + turn
            sample = self._views.next(view_of_step(number, len(self._views), self._settings.seed))
            total = total + self._loss_of(sample, step, features) / self._settings.views_a_step
        if self._neighbours is not None:
            rng = np.random.default_rng([self._settings.seed, SPATIAL, step])
            samples = torch.from_numpy(rng.integers(0, len(features), self._settings.spatial_samples))
            total = total + self._settings.spatial_weight * neighbour_loss(features, self._neighbours, samples)
        return total

    def _loss_of(self, sample: Sample, step: int, features: Tensor) -> Tensor:
        unit = torch.nn.functional.normalize(rasterize_pixels(sample.plan, features), dim=1)
        if self._shared is not None:
            prototypes, own = self._shared.at(step, features), self._shared.own[sample.masks]
            biases = self._shared.biases
        else:
            prototypes, own, biases = own_prototypes(unit, sample.masks, sample.related, self._weights)
        shares = pixel_shares(sample.masks, self._weights)
        settings = self._settings
        return prototype_loss(unit, prototypes, own, shares, biases, settings.temperature, settings.discount_pixels)


def mask_weights(consensus: Consensus, settings: ContrastSettings) -> np.ndarray:
    """Return the weight (M,) float32 of every mask.

    With shared prototypes, a mask without a group has no prototype to be compared with: 0.
    """
    grouped = consensus.group_of >= 0
    if not settings.discount_masks:
        return (grouped if settings.cross_view else np.ones_like(grouped)).astype(np.float32)
    standing = np.concatenate([consensus.standing, np.zeros(1, np.float32)])
    weights: np.ndarray = standing[consensus.group_of] * consensus.agreement * grouped
    return weights


def own_prototypes(unit: Tensor, masks: Tensor, related: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (prototypes (K,F), own (P,), biases (K,K)) of the K masks that pixels (P,F) belong to.

    A prototype is the mean of a mask's pixels, scaled to unit length; own is the index of each pixel's prototype. masks
    (P,) numbers as in the votes; related (K,K) bool; weights (M,).
    """
    present, own, counts = torch.unique(masks, return_inverse=True, return_counts=True)
    sums = unit.new_zeros(len(present), unit.shape[1]).index_add(0, own, unit)
    prototypes = torch.nn.functional.normalize(sums / counts[:, None], dim=1)
    return prototypes, own, pair_biases((weights[present] > 0).float(), related)


class _Shared:
    """Prototypes of groups, from the votes of all their masks; recomputed every few steps."""

    def __init__(self, votes: Votes, consensus: Consensus, weights: np.ndarray, settings: ContrastSettings) -> None:
        self._every = settings.prototypes_every
        self.own = torch.from_numpy(consensus.group_of)
        standing = consensus.standing if settings.discount_masks else np.ones_like(consensus.standing)
        self.biases = pair_biases(torch.from_numpy(standing), torch.from_numpy(consensus.related))
        grouped = np.flatnonzero(consensus.group_of >= 0)
        entries = (weights[grouped], (grouped, consensus.group_of[grouped]))
        choose = sparse.csr_array(entries, shape=(len(weights), consensus.groups))
        self._pixels = sparse.csr_array((votes.weights @ choose).T)  # (G,N)
        self._prototypes = torch.zeros(0)

    def at(self, step: int, features: Tensor) -> Tensor:
        """Return the prototypes (G,F) at a step, constant for the gradient."""
        if (step - 1) % self._every == 0 or len(self._prototypes) == 0:
            sums = torch.from_numpy(self._pixels @ features.detach().numpy())
            self._prototypes = torch.nn.functional.normalize(sums, dim=1)
        return self._prototypes
