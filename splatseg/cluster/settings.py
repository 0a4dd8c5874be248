"""Settings of the segmentation of a splat by its features."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Settings of the segmentation of a splat by its features."""

    granularity: float = 0.5
    """0 gives parts, 1 gives groups."""
    distance: float = 0.1
    """1 - cosine from which things are apart, without votes, at granularity 1/2."""
    cover_similarity: float = 0.985
    """Every Gaussian is at least this similar to a prototype."""
    max_prototypes: int = 3000
    """Prototypes at most; where they do not suffice, Gaussians are less similar to theirs."""
    min_share: float = 5e-5
    """Of all Gaussians with features; smaller pieces are crumbs."""
    min_count: int = 20
    """Pieces of fewer Gaussians are crumbs too, whatever their share."""
    split_share: float = 0.05
    """A piece apart in space of at least this share of its cluster is a segment of its own."""
    seed: int = 0
    """Of the choice of prototypes."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.granularity <= 1.0:
            raise ValueError(f"granularity must be in 0..1 (parts to groups), got {self.granularity}")
