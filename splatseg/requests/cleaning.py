"""Cleanings asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

ReasonName = Literal["weak", "alone", "near", "few", "needle", "outside"]
"""Reasons for which Gaussians go (`clean.reasons`)."""


@dataclass(frozen=True)
class CleanOptions:
    """Choices of a cleaning."""

    strength: float = 0.5
    """Strength, from 0 (only what no view sees) to 1."""
    reasons: Annotated[tuple[ReasonName, ...], tyro.conf.arg(metavar="REASON")] = ()
    """Only these: weak (hardly seen), alone (touches nothing), near (right before a camera), few (seen by one of many
    views), needle, outside (where no view looks, or far out). Default: all."""
    format: str | None = None
    """Format, if the suffix does not say it."""
    plain: bool = False
    """Only geometry and colour, for programs that refuse more."""
