"""Settings of the contrastive training on frozen geometry. A step is a few views; intervals are in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ContrastSettings:
    """Settings of the contrastive training. Every part can be switched off for ablations."""

    iterations: int = 600
    """Steps in all."""
    seed: int = 0
    """Of the start, the sampled pixels, the order of views and the samples of the spatial term."""
    channels: int = 16
    """F, feature channels of a Gaussian."""
    start: Literal["lift", "noise"] = "lift"
    """From the spectral embedding of the votes, compressed to F channels, or from directions drawn evenly."""
    travel: float = 30.0
    """How far a feature may go: the sum of the rates of all steps, which fall as half a cosine to 0. More steps are
    smaller ones, so that they average more pixels and do not learn more of the masks' disagreements."""
    temperature: float = 0.2
    """Of cosines between pixels and prototypes."""

    views_a_step: int = 2
    """Views whose pixels are compared in one step."""
    pixels_a_view: int = 4096
    """Sampled pixels of a view, of every mask by the root of its area, nested ones included."""
    stratified: bool = True
    """Off: pixels are drawn evenly over the image, so that large masks have most of them."""
    nested: bool = True
    """Off: where masks overlap only the smallest is used, as in a label map."""
    rounds: int = 8
    """Samples drawn of every view, used in turn."""
    uses: int = 3
    """Steps a sample of a view is used for before the next takes its turn."""
    memory: int = 1 << 29
    """Bytes of blending weights that are kept; beyond, they are computed anew."""

    area_power: float = 1.0
    """What a mask counts beside others of its view: this power of its area. At 0 all count alike, and small things grow
    over their borders into large ones, whose few samples there count less; at 1 borders are fair."""

    cross_view: bool = True
    """Masks that show the same thing share a prototype, the mean of all of them. Off: every mask has its own, the mean
    of its pixels in this step, and is told apart from the masks of its own view alone."""
    prototypes_every: int = 10
    """Steps between two computations of the shared prototypes."""
    discount_masks: bool = False
    """Masks of a group count by its standing and by how like it they are, not alike. Off: the groups do enough, masks
    that no view agrees with are in none (benchmarks/ablation.py)."""
    discount_pixels: float = 0.0
    """q, the power of a pixel's own probability that its gradient is multiplied with: pixels that look like another
    prototype count less (generalised cross-entropy). 0, the plain logarithm, measured best from `lift`."""

    spatial_weight: float = 0.02
    """Factor of the spatial term; 0 switches it off."""
    spatial_samples: int = 4096
    """Gaussians sampled for it in a step."""
    neighbours: int = 4
    """True nearest neighbours each is pulled to."""

    report_every: int = 20
    """Steps between two reports."""

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
