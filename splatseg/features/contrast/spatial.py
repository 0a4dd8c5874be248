"""The spatial term on frozen geometry: a Gaussian's feature resembles those of its true nearest neighbours.

    loss = mean over samples i and neighbours j of i of (1 - f_i . f_j)

A Gaussian is not its own neighbour.

Alphabet: N Gaussians; S samples; features (N,F), unit.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.nearest import tree_of


def true_neighbours(means: np.ndarray, count: int) -> np.ndarray:
    """Return (N,count) int64: the nearest other Gaussians of each, by means (N,3) world; -1 if there are fewer.

    Gaussians whose mean is not finite have no neighbours and are nobody's. Gaussians with equal means are neighbours.
    """
    check_shapes(means=(means, "N 3"))
    found = np.full((len(means), count), -1, np.int64)
    finite = np.flatnonzero(np.isfinite(means).all(1))
    asked = min(count + 1, len(finite))
    if asked < 2:
        return found
    _, nearest = tree_of(means[finite]).query(means[finite], k=asked, workers=-1)
    itself = nearest == np.arange(len(finite))[:, None]
    itself[~itself.any(axis=1), -1] = True  # among many equal means it may not find itself: drop the last
    found[finite, : asked - 1] = finite[nearest[~itself].reshape(len(finite), asked - 1)]
    return found


def neighbour_loss(features: Tensor, neighbours: Tensor, samples: Tensor) -> Tensor:
    """Return the scalar loss of samples (S,) int64 with their neighbours (N,k), -1 = none.

    Differentiable in features (N,F).
    """
    others = neighbours[samples]
    there = others >= 0
    if not there.any():
        return features.sum() * 0.0
    # index_select, because the backward of indexing adds in an order that depends on the number of threads.
    own = torch.nn.functional.normalize(features.index_select(0, samples), dim=1)
    rows = features.index_select(0, others.clamp(min=0).flatten())
    theirs = torch.nn.functional.normalize(rows, dim=1).reshape(*others.shape, -1)
    cosines = (own[:, None] * theirs).sum(2)
    return ((1.0 - cosines) * there).sum() / there.sum()
