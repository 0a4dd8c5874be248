"""Settings of mask models. Settings that decide the masks are recorded with them (`propose.record`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from splatseg.errors import MaskError

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""Numbers that a model computes with; auto is a half type on a GPU, float32 on the CPU."""

THRESHOLDS = {
    "sam": (0.88, 0.95),
    "sam_hq": (0.88, 0.95),
    "sam2": (0.75, 0.90),
    "edgetam": (0.70, 0.90),
    "sam3_tracker": (0.70, 0.90),
}
"""Least predicted IoU and least stability of a mask, by family of models. SAM's are those of its authors. Later
families predict lower values and would give few masks with SAM's (reported by users of SAGA)."""


@dataclass(frozen=True)
class ProposeSettings:
    """Settings of mask models."""

    points_per_side: int = 32
    """Points that a model is asked about, along each side of the image."""
    pred_iou: float | None = None
    """Least quality of a mask as the model predicts it, 0 to 1. Default: the model family's."""
    stability: float | None = None
    """Least stability of a mask under another cut-off, 0 to 1. Default: the model family's."""
    crops: int = 0
    """Layers of crops that are looked at too, for small things; each takes four times as long as the one before."""
    duplicates: float = 0.95
    """Masks of one view with a greater IoU than this are one."""
    batch: int = 64
    """Points at a time; halved by itself when memory runs out."""

    def __post_init__(self) -> None:
        _check("--points-per-side", self.points_per_side, 1, 256)
        _check("--pred-iou", self.pred_iou, 0, 1)
        _check("--stability", self.stability, 0, 1)
        _check("--crops", self.crops, 0, 4)
        _check("--duplicates", self.duplicates, 0, 1)
        _check("--batch", self.batch, 1, 1 << 16)

    def of_family(self, family: str) -> ProposeSettings:
        """Return the settings with the family's thresholds in place of None."""
        pred_iou, stability = THRESHOLDS[family]
        return replace(
            self,
            pred_iou=pred_iou if self.pred_iou is None else self.pred_iou,
            stability=stability if self.stability is None else self.stability,
        )


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise MaskError(f"{name} must be from {low} to {high}, got {value}")
