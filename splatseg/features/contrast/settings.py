"""Settings of the contrastive training on frozen geometry. A step is a few views; intervals are in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ContrastSettings:
    """Settings of the contrastive training. Every part can be switched off for ablations."""

    iterations: int = 600
    """Number of steps."""
    seed: int = 0
    """Seed of the start, the sampled pixels, the order of views and the samples of the spatial term."""
    channels: int = 16
    """Feature channels of a Gaussian, F."""
    start: Literal["lift", "noise"] = "lift"
    """Initial features: the spectral embedding of the votes, compressed to F channels, or directions drawn evenly."""
    travel: float = 30.0
    """Longest way of a feature: the sum of the rates of all steps, which fall as half a cosine to 0. More steps are
    smaller ones, so that they average more pixels and do not learn more of the masks' disagreements."""
    temperature: float = 0.2
    """Temperature of the cosines between pixels and prototypes."""

    views_a_step: int = 2
    """Views whose pixels are compared in one step."""
    pixels_a_view: int = 4096
    """Sampled pixels of a view; each mask, nested ones included, gets a share by the square root of its area."""
    stratified: bool = True
    """Draw pixels for each mask. Off: pixels are drawn evenly over the image, so that large masks have most of them."""
    nested: bool = True
    """Use all masks at a pixel. Off: where masks overlap only the smallest is used, as in a label map."""
    rounds: int = 8
    """Samples drawn of every view, used in turn."""
    uses: int = 3
    """Steps that use a sample of a view before the next sample takes its turn."""
    memory: int = 1 << 29
    """Bytes of blending weights that are kept; beyond, they are recomputed."""

    area_power: float = 1.0
    """Weight of a mask in its view: this power of its area. At 0 all have the same weight, and small things grow
    over their borders into large ones, whose few samples there count less; at 1 borders are fair."""

    cross_view: bool = True
    """Masks that show the same thing share a prototype, the mean of all of them. Off: every mask has its own, the
    mean of its pixels in this step, and is separated only from the masks of its own view."""
    prototypes_every: int = 10
    """Steps from one computation of the shared prototypes to the next."""
    discount_masks: bool = False
    """Weight masks of a group by its standing and by their similarity to it. Off: all have the same weight. The
    groups do enough, because masks that no other view agrees with are in none (benchmarks/ablation.py)."""
    discount_pixels: float = 0.0
    """d, the power of a pixel's own probability that its gradient is multiplied with: pixels that look like another
    prototype count less (generalised cross-entropy). 0, the plain logarithm, measured best from `lift`."""

    spatial_weight: float = 0.02
    """Factor of the spatial term; 0 switches it off."""
    spatial_samples: int = 4096
    """Gaussians sampled for the spatial term in a step."""
    neighbours: int = 4
    """True nearest neighbours that each sample is pulled to."""

    report_every: int = 20
    """Steps from one report to the next."""

    def __post_init__(self) -> None:
        counts = (self.iterations, self.channels, self.views_a_step, self.pixels_a_view, self.rounds, self.uses)
        if min(*counts, self.prototypes_every, self.spatial_samples, self.neighbours, self.report_every) < 1:
            raise ValueError("steps, intervals and counts of a ContrastSettings must be at least 1")
        if (
            not (self.temperature > 0 and self.travel > 0)
            or not 0.0 <= self.discount_pixels <= 1.0
            or self.spatial_weight < 0
        ):
            raise ValueError(
                "a ContrastSettings needs temperature, travel > 0, discount_pixels in 0..1 and spatial_weight >= 0; "
                f"got {self.temperature:g}, {self.travel:g}, {self.discount_pixels:g} and {self.spatial_weight:g}"
            )
