"""Progress of a training of features, the same for both methods that train."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureReport:
    """State of the training of features at a step."""

    step: int
    """Counted from 1."""

    loss: float
    """Of this step."""

    seconds: float
    """Since training began."""
