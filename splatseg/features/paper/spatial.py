"""The spatial-similarity term of Contrastive Gaussian Clustering: near Gaussians alike, far ones different.

    loss = near_weight * sigmoid(1 - mean cos_near) + far_weight * sigmoid(mean cos_far)

over samples, each with its `near` nearest and `far` farthest Gaussians. As in the official code, a sample's nearest
neighbour is the sample itself (cosine 1), and the sigmoid is taken of the mean, not of each pair: both weaken the pull,
and both are kept because this method is the baseline for others.

Alphabet: N Gaussians; means (N,3) world units; features (N,F).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.features.paper.sampling import draw_samples, farthest, nearest
from splatseg.features.paper.settings import PaperSettings


def spatial_loss(means: Tensor, features: Tensor, settings: PaperSettings, rng: np.random.Generator) -> Tensor:
    """Return the scalar loss of Gaussians at means (N,3) with features (N,F); samples are drawn from `rng`.

    Differentiable in features; positions only choose pairs. Gaussians whose position is not finite take no part.
    """
    check_shapes(means=(means, "N 3"), features=(features, "N F"))
    points = means.detach().cpu().double().numpy()
    usable = np.isfinite(points).all(1).nonzero()[0]
    if len(usable) == 0:
        return features.sum() * 0.0
    chosen, samples = draw_samples(len(usable), settings.spatial_candidates, settings.spatial_samples, rng)
    candidates = usable[chosen]
    points = points[candidates]
    queries = points[samples]
    near = mean_cosine(features, candidates[samples], candidates[nearest(points, queries, settings.near)])
    far = mean_cosine(features, candidates[samples], candidates[farthest(points, queries, settings.far)])
    return settings.near_weight * torch.sigmoid(1.0 - near) + settings.far_weight * torch.sigmoid(far)


def mean_cosine(features: Tensor, samples: np.ndarray, others: np.ndarray) -> Tensor:
    """Return the mean cosine over all pairs of features of samples (S,) and of their others (S,k)."""
    # The gradient of index_select is summed in order, that of features[samples] in any: runs must be repeatable.
    rows, pairs = (torch.from_numpy(indices).to(features.device) for indices in (samples, others.reshape(-1)))
    own = torch.nn.functional.normalize(features.index_select(0, rows), dim=1)
    theirs = features.index_select(0, pairs).reshape(*others.shape, -1)
    theirs = torch.nn.functional.normalize(theirs, dim=2)
    return (theirs * own[:, None]).sum(2).mean()
