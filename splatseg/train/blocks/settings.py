"""Settings of a fit in blocks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BlockSettings:
    """Settings of a fit in blocks, beside those of the fit whose steps it takes."""

    cells: int
    """Number of cells."""
    joins: tuple[float, ...] = (0.5, 0.7, 0.85)
    """Shares of the steps after which the scene is one: the first ends the common start, each other a round of cells;
    the last round ends with the fit."""
    overlap: float = 0.1
    """Width of the margin around a cell in which Gaussians are trained too, in widths of the cell."""
    turn: float = 45.0
    """Angle in degrees by which the cuts of each round are turned against those of the round before: seams of one lie
    inside the cells of the next, which mend them."""
    covered: float = 0.95
    """Share of a cell's light, over all views, that the views it is trained on hold: those with most of it."""
    seen: float = 0.25
    """A view is also assigned to a cell that gives at least this share of the view's light."""
    context_left: float = 0.001
    """Share of the light of a cell's context whose Gaussians, those that give least, are left out."""

    def steps(self, iterations: int) -> list[int]:
        """Return the steps after which the scene is one, the last of them that of the end."""
        return [max(1, round(share * iterations)) for share in self.joins] + [iterations]
