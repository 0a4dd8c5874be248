"""Settings of the embedding of votes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """Settings of the embedding of votes."""

    dimensions: int = 64
    """Dimensions of the embedding, F: about as many as the scene has things."""
    power: float | None = None
    """Diffusion time: 1 keeps all contradictions of masks; too high a power forgets things. None: chosen by
    `spread`."""
    spread: float = 0.10
    """Share of the sum of squared singular values that remains at the chosen power."""
    max_power: float = 28.0
    """Highest power that is chosen."""
    min_mask_votes: float = 16.0
    """Pixels that a valid mask has on Gaussians at least."""
    min_component_views: int = 3
    """Masks of a component from fewer views than this are spurious; a component is a set of masks joined to no
    others."""
    min_edge_share: float = 0.05
    """A vote joins a Gaussian to a component if it is at least this share of the Gaussian's strongest."""
    seed: int = 0
    """Seed of the singular value decomposition."""
