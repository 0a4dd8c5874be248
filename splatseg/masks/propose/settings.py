"""What decides which masks a generator makes. All of it is recorded beside the masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splatseg.errors import MaskError

THRESHOLDS = {
    "sam": (0.88, 0.95),
    "sam_hq": (0.88, 0.95),
    "sam2": (0.75, 0.90),
    "edgetam": (0.70, 0.90),
    "sam3_tracker": (0.70, 0.90),
}
"""Least predicted IoU and least stability of a mask, by family of models. Those of SAM are its authors'; the later
families are less sure of themselves, and with SAM's would give few masks (users of SAGA report so)."""


@dataclass(frozen=True)
class GenerateSettings:
    """Settings of mask models.

    points_per_side: P x P points are asked about, in the image and in each of its crops; pred_iou, stability: least
    predicted IoU and least stability of a mask, None for the family's own (`THRESHOLDS`); crops: layers of crops, layer
    i has 4^i; duplicate_iou: masks of a view with a greater IoU are one; batch: points at a time (masks do
    not depend on it).
    """

    points_per_side: int = 32
    pred_iou: float | None = None
    stability: float | None = None
    crops: int = 0
    duplicate_iou: float = 0.95
    batch: int = 64

    def __post_init__(self) -> None:
        _check("--points-per-side", self.points_per_side, 1, 256)
        _check("--pred-iou", self.pred_iou, 0, 1)
        _check("--stability", self.stability, 0, 1)
        _check("--crops", self.crops, 0, 4)
        _check("--duplicates", self.duplicate_iou, 0, 1)
        _check("--batch", self.batch, 1, 1 << 16)

    def of_family(self, family: str) -> GenerateSettings:
        """With the family's thresholds where none were asked for."""
        pred_iou, stability = THRESHOLDS[family]
        return replace(
            self,
            pred_iou=pred_iou if self.pred_iou is None else self.pred_iou,
            stability=stability if self.stability is None else self.stability,
        )


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise MaskError(f"{name} must be from {low} to {high}, got {value}.")
