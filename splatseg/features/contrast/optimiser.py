"""Descent of unit features in which a Gaussian moves by the mean over its pixels, not by their sum.

    g_i <- g_i / (d_i + floor), shortened to length 1      v_i <- b v_i + (1 - b) g_i      f_i <- unit(f_i - rate v_i)

d_i is the expected weight of Gaussian i under masks in a step: the sum over masks of their share times W_im / area_m,
from the votes. Adam would instead move all Gaussians alike: Gaussians that few pixels touch, at the edges of things,
where masks are wrong, as fast as those that all pixels agree on. Gaussians with less weight than the floor move less.

Alphabet: N Gaussians; F channels; M masks; W (N,M) votes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splatseg.votes.votes import Votes

MOMENTUM = 0.9
"""Decay b of the velocity per step."""

FLOOR = 0.02
"""The floor, relative to the mean weight of the Gaussians that are seen at all."""


class Descent:
    """Descent of unit features (N,F), a leaf that requires a gradient."""

    def __init__(self, features: Tensor, seen: Tensor) -> None:
        """Start from features (N,F); seen (N,) is their `expected_weight`."""
        self.features: Tensor = features.clone().requires_grad_()
        self._velocity = np.zeros(features.shape, np.float32)
        weights = seen.numpy()
        some = weights[weights > 0]
        floor = FLOOR * float(some.mean()) if len(some) else 1.0
        self._scale = (1.0 / (weights + np.float32(floor)))[:, None]

    def step(self, rate: float) -> None:
        """Take one step with the present gradient, then drop it."""
        assert self.features.grad is not None
        # In numpy, because the last bit of torch's result would depend on the number of threads.
        features, gradient = self.features.detach().numpy(), self.features.grad.numpy()
        gradient *= self._scale
        gradient /= np.maximum(_lengths(gradient), 1.0)
        gradient *= 1.0 - MOMENTUM
        self._velocity *= MOMENTUM
        self._velocity += gradient
        np.multiply(self._velocity, rate, out=gradient)
        features -= gradient
        features /= np.maximum(_lengths(features), 1e-12)
        self.features.grad = None


def _lengths(rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.einsum("nf,nf->n", rows, rows)))[:, None]


def expected_weight(votes: Votes, weights: np.ndarray) -> Tensor:
    """Return (N,): the expected weight of a step's pixels on each Gaussian, by mask weights (M,).

    It is the mean over views; the pixels of each view together weigh 1.
    """
    in_view = np.bincount(votes.view_of, weights, minlength=len(votes.views))[votes.view_of]
    shares = np.divide(weights, in_view * votes.areas * len(votes.views), out=np.zeros(len(weights)), where=in_view > 0)
    return torch.from_numpy((votes.weights @ shares).astype(np.float32))
