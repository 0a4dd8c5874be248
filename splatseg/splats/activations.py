"""Between what is optimised and stored (parameters) and what it means (physical values).

    scales = exp(log_scales)            opacities = sigmoid(opacity_logits)

Alphabet: scales > 0, standard deviations in world units; opacities in 0..1. Any shape; torch tensors. The way back is
kept finite: a scale of zero and opacities of exactly 0 and 1, which files do hold, have no finite parameter.
"""

from __future__ import annotations

import torch
from torch import Tensor

SCALE_MIN = 1e-12
"""World units. Far below any low-pass filter of a renderer, far above what float32 cannot hold."""

OPACITY_MARGIN = 1e-5
"""Opacities are kept this far from 0 and 1. Renderers cut off at 1/255 and 0.999, so no picture changes."""


def to_scales(log_scales: Tensor) -> Tensor:
    """Linear scales of log scales."""
    return log_scales.exp()


def to_log_scales(scales: Tensor) -> Tensor:
    """Log scales of linear ones. Zero and negative scales become `SCALE_MIN`; NaN stays NaN."""
    return scales.clamp(min=SCALE_MIN).log()


def to_opacities(opacity_logits: Tensor) -> Tensor:
    """Opacities of logits."""
    return opacity_logits.sigmoid()


def to_opacity_logits(opacities: Tensor) -> Tensor:
    """Logits of opacities, finite at 0 and 1; NaN stays NaN."""
    return torch.logit(opacities.clamp(OPACITY_MARGIN, 1 - OPACITY_MARGIN))
