"""Settings of the embedding of votes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """Settings of the embedding of votes."""

    dimensions: int = 64
    """F, about as many as the scene has things."""
    power: float | None = None
    """Diffusion time: 1 keeps all contradictions of masks, too high forgets things. None: chosen by `spread`."""
    spread: float = 0.10
    """Share of the sum of squared singular values that the chosen power leaves."""
    max_power: float = 28.0
    """Largest power that is chosen."""
    min_mask_votes: float = 16.0
    """Pixels that a mask must own on Gaussians to count."""
    min_component_views: int = 3
    """Islands of masks that are joined to nothing else and of fewer views are spurious."""
    min_edge_share: float = 0.05
    """A vote joins a Gaussian to a component if it is at least this share of the Gaussian's strongest."""
    seed: int = 0
    """Of the start of the singular value decomposition."""
