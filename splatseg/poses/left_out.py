"""Why a photograph got no pose, in a few words, from what a reconstruction knows of it."""

from __future__ import annotations

from dataclasses import dataclass

FEW_FEATURES = 300
"""Features below which a photograph is blurred, dark or of something plain."""

FEW_MATCHES = 30
"""Matches that agree with one geometry, below which two photographs do not show the same (COLMAP's own limit)."""


@dataclass(frozen=True)
class LeftOut:
    """A photograph without a pose."""

    name: str
    """Its name."""

    features: int
    """Features found in it."""

    matches: int
    """Matches with the photograph that it shares most with."""

    part: int
    """Photographs of the other part of the scene that it belongs to; 0 if to none."""

    @property
    def reason(self) -> str:
        """Why, in a few words."""
        if self.part:
            return f"it belongs to another part, of {self.part} photographs, that shares too little with the rest"
        if self.features < FEW_FEATURES:
            return f"it has {self.features} features: blurred, dark, or of something plain"
        if self.matches < FEW_MATCHES:
            return "it shares nothing with any other photograph"
        return f"its {self.matches} matches with another photograph do not fit the rest"
