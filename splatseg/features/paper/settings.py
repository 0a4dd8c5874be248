"""Settings of Contrastive Gaussian Clustering (arXiv 2404.12784): the numbers of its official code, unless marked.

A step is one view. Intervals are in steps, counted from 1.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PaperSettings:
    """Settings of the paper's two losses and their schedule."""

    iterations: int = 30_000
    """Number of steps; the joint photometric fit has as many."""
    seed: int = 0
    """Seed of the initial features, the samples of the spatial term and, on frozen geometry, the order of views."""
    channels: int = 16
    """Feature channels of a Gaussian, F."""
    learning_rate: float = 2.5e-3
    """Learning rate of the features in Adam."""

    clustering: bool = True
    """Use the contrastive clustering loss; off for ablations."""
    clustering_every: int = 50
    """Steps from one use of the clustering loss to the next."""
    clustering_weight: float = 1e-6
    """Factor of the clustering loss, which is a sum over pixels and a mean over segments."""
    min_pixels: int = 100
    """Smaller segments, up to this number of pixels, are left out."""
    temperature_scale: float = 10.0
    """Factor of the temperature before it is limited."""
    temperature_min: float = 0.1
    """Lower limit of the temperature."""
    temperature_max: float = 1.0
    """Upper limit of the temperature."""
    temperature_offset: float = 100.0
    """Pixels added inside the logarithm, so that small segments do not get a large temperature."""

    spatial: bool = True
    """Use the spatial-similarity term; off for ablations."""
    spatial_every: int = 100
    """Steps from one use of the spatial term to the next."""
    spatial_samples: int = 1_000
    """Gaussians sampled for the spatial term."""
    spatial_candidates: int = 300_000
    """Gaussians considered as neighbours at most; of more, this many are drawn."""
    near: int = 2
    """Nearest Gaussians pulled to each sample. The sample itself is one of them, as in the official code."""
    far: int = 5
    """Farthest Gaussians pushed from each sample."""
    near_weight: float = 0.05
    """Factor of the part of the spatial term that pulls."""
    far_weight: float = 0.15
    """Factor of the part of the spatial term that pushes."""

    report_every: int = 50
    """Steps from one report to the next on frozen geometry (not in the paper)."""

    def __post_init__(self) -> None:
        counts = (self.iterations, self.channels, self.clustering_every, self.spatial_every, self.spatial_samples)
        if min(*counts, self.near, self.far, self.report_every) < 1:
            raise ValueError("steps, intervals and counts of a PaperSettings must be at least 1")
        if not 0 < self.temperature_min <= self.temperature_max:
            raise ValueError(
                f"the temperature must have 0 < min <= max, got {self.temperature_min}..{self.temperature_max}"
            )

    def scaled(self, iterations: int) -> PaperSettings:
        """Return the same schedule stretched or shrunk to `iterations` steps.

        Each term is used as often, spread over the steps.
        """
        share = iterations / self.iterations
        return dataclasses.replace(
            self,
            iterations=iterations,
            clustering_every=max(1, round(self.clustering_every * share)),
            spatial_every=max(1, round(self.spatial_every * share)),
        )
