"""Progress of a training of features, the same for both methods that train."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureReport:
    """State of the training of features at a step."""

    step: int
    """Number of the step, counted from 1."""

    loss: float
    """Loss of this step."""

    seconds: float
    """Seconds since training began."""
