"""Descent of unit features in which a Gaussian moves by the mean over its pixels, not by their sum.

    g_i <- g_i / (d_i + floor), shortened to length 1      v_i <- b v_i + (1 - b) g_i      f_i <- unit(f_i - rate v_i)

d_i is what masks see of Gaussian i in a step, expected: the sum over masks of their share times W_im / area_m, from the
votes. Adam would instead make all Gaussians move alike: those that few pixels touch, at the edges of things, where
masks are wrong, as fast as those that all agree on. Those seen less than the floor move less.

Alphabet: N Gaussians; F channels; M masks; W (N,M) votes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splatseg.votes.votes import Votes

MOMENTUM = 0.9

FLOOR = 0.02
"""Of what is seen, relative to the mean over Gaussians that are seen at all."""


class Descent:
    """Unit features (N,F), a leaf that requires a gradient, and how to make a step."""

    def __init__(self, features: Tensor, seen: Tensor) -> None:
        """seen (N,): `expected_weight`."""
        self.features: Tensor = features.clone().requires_grad_()
        self._velocity = np.zeros(features.shape, np.float32)
        weights = seen.numpy()
        some = weights[weights > 0]
        floor = FLOOR * float(some.mean()) if len(some) else 1.0
        self._scale = (1.0 / (weights + np.float32(floor)))[:, None]

    def step(self, rate: float) -> None:
        """One step with the gradient that is there, which is then dropped."""
        assert self.features.grad is not None
        # In numpy: torch's result would depend in its last bit on how many threads share the rows.
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
    """(N,) what the pixels of a step weigh on each Gaussian, in the mean over views, each counting 1; weights (M,)."""
    in_view = np.bincount(votes.view_of, weights, minlength=len(votes.views))[votes.view_of]
    shares = np.divide(weights, in_view * votes.areas * len(votes.views), out=np.zeros(len(weights)), where=in_view > 0)
    return torch.from_numpy((votes.weights @ shares).astype(np.float32))
