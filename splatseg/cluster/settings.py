"""Settings of the segmentation of a splat by its features."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Settings of the segmentation of a splat by its features."""

    granularity: float = 0.5
    """Granularity in 0..1: 0 gives parts, 1 gives groups."""
    distance: float = 0.1
    """Without votes: 1 - cosine at which things are apart, at granularity 1/2."""
    cover_similarity: float = 0.985
    """Least similarity of every Gaussian to its nearest prototype."""
    max_prototypes: int = 3000
    """Prototypes at most; if they do not suffice, Gaussians are less similar to theirs."""
    min_share: float = 5e-5
    """Pieces of a smaller share of all Gaussians with features are crumbs."""
    min_count: int = 20
    """Pieces of fewer Gaussians are crumbs too, whatever their share."""
    split_share: float = 0.05
    """A piece that is apart in space becomes a segment of its own if it is at least this share of its cluster."""
    seed: int = 0
    """Seed of the choice of prototypes."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.granularity <= 1.0:
            raise ValueError(f"granularity must be in 0..1 (parts to groups), got {self.granularity}")
