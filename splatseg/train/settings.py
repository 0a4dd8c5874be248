"""Settings of the photometric fit: every number, its unit and its source.

Source: 3D Gaussian Splatting (Kerbl et al. 2023), section 5 and 7.1 and its published defaults ("3DGS" below).
Differences are marked, most with the change in dB of held-out PSNR that 3DGS's value brings at 320x240 after 1,500
steps, on a capture of a table with 1,936 points / one of a table in a room with 11,968.

A step is one view, one rasterisation, one update. The extent of a scene is 1.1 times the largest distance of a camera
from the mean of all cameras; learning rates and thresholds of position and size are in units of it, so that the unit of
length of a capture does not matter.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

# Not on and off, which YAML reads as true and false.
ColorMode = Literal["auto", "always", "never"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of the photometric fit. The defaults are for minutes on a CPU; `paper()` gives the published ones.

    Example:
        >>> splatseg.TrainSettings().scaled(300).iterations
        300
    """

    iterations: int = 1_500
    """Number of steps."""
    seed: int = 0
    """Seed of everything random: order of views, samples of split Gaussians. Same seed, same file."""

    surroundings: int = 4_000
    """Directions in which a far point is added where the images show no point of the capture; 0 = none [3DGS: none: -4
    / 0]."""
    surroundings_radius: float = 100.0
    """Distance of these points, in extents: as good as infinitely far [at 10: -1.7 / 0]."""

    sh_degree: int = 3
    """Highest degree of the spherical harmonics of colour, 0..3 [3DGS: 3]."""
    sh_every: int = 300
    """Steps after which the degree in use grows by one [3DGS: 1000]."""
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """RGB in 0..1 behind everything [3DGS: black]."""
    ssim_weight: float = 0.2
    """Share of D-SSIM in the loss; the rest is L1 [3DGS: 0.2]."""
    color_correction: ColorMode = "auto"
    """Correction of each photograph for drifting exposure and white balance (`train.color_correction`): auto where the
    photographs confirm it, always, or never [3DGS: never]."""
    color_decided: int = 750
    """Step from which photographs are corrected, and at which `auto` decides."""
    coarse_until: int = 1_100
    """Before this step images are fitted at half their size: steps are cheap, and large things settle first [3DGS: 0: 0
    / -0.2, and a tenth more time]. Small images turn earlier to their full size (`coarse_at`)."""
    coarse_pixels: int = 150_000
    """Images of fewer pixels are fitted at half their size for as much less of the time: half of them shows little."""

    lr_means: float = 3.2e-4
    """Learning rate of positions at the start, in extents per step [3DGS: 1.6e-4, for ten times as many steps:
    -0.2]."""
    lr_means_final: float = 1.6e-5
    """Learning rate of positions at the end, reached exponentially [3DGS: 1.6e-6: -0.3]."""
    lr_sh0: float = 5e-3
    """Learning rate of the constant colour coefficients [3DGS: 2.5e-3: -0.1]."""
    lr_shN: float = 5e-3 / 20  # noqa: N815 (the field's name)
    """Learning rate of the other colour coefficients [3DGS: that of sh0 / 20]."""
    lr_opacity: float = 0.025
    """Learning rate of opacity logits [3DGS: 0.05: -0.2]."""
    lr_scales: float = 0.02
    """Learning rate of log scales [3DGS: 5e-3, for ten times as many steps: -1.0 / -0.8]."""
    lr_quats: float = 1e-3
    """Learning rate of quaternions [3DGS]."""

    settle_from: float = 0.85
    """Share of the steps from which all learning rates but that of positions fall, exponentially: the jitter of Adam's
    steps goes out of the picture; from half of the steps on they would be too low too early [3DGS: 1, never: -0.2]."""
    settle_to: float = 0.1
    """Factor of these rates at the end."""

    densify_from: int = 150
    """Step after which Gaussians are cloned, split and pruned [3DGS: 500]."""
    densify_until: int = 1_000
    """Step after which the number of Gaussians stays the same [3DGS: 15000 of 30000]."""
    densify_every: int = 100
    """Steps from one round to the next [3DGS: 100]."""
    grow_gradient: float = 1e-4
    """A Gaussian grows if the mean norm of its gradient on screen exceeds this [3DGS: 2e-4: -0.8 on demo at 640x480].
    The gradient is that of the loss by the projected mean in units of half the image (pixels * size / 2), averaged over
    the views that draw it."""
    clone_scale: float = 0.01
    """Scale in extents: smaller Gaussians are cloned, larger ones split [3DGS: 0.01]."""
    prune_opacity: float = 0.005
    """Fainter Gaussians are removed [3DGS: 0.005]."""
    prune_scale: float = 0.1
    """Scale in extents: larger Gaussians are removed after the first opacity reset [3DGS: 0.1]; 0 = never."""
    reset_every: int = 0
    """Steps from one opacity reset to the next while densifying; 0 = never [3DGS: 3000]. A short fit does not
    recover."""
    max_gaussians: int = 100_000
    """Growth stops at this number; the largest gradients come first. 3DGS has no limit; on a CPU time grows with the
    number."""

    checkpoint_every: int = 1_000
    """Steps from one checkpoint to the next, if there is a folder for them."""
    report_every: int = 10
    """Steps from one report to the next."""

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}")
        if not 0 <= self.sh_degree <= 3:
            raise ValueError(f"sh_degree must be 0, 1, 2 or 3, got {self.sh_degree}")
        if not 0.0 <= self.ssim_weight <= 1.0:
            raise ValueError(f"ssim_weight must be in 0..1, got {self.ssim_weight}")
        if min(self.sh_every, self.densify_every, self.report_every, self.checkpoint_every) < 1:
            raise ValueError("sh_every, densify_every, report_every and checkpoint_every must be at least 1")

    @classmethod
    def paper(cls, **changes: int | float) -> TrainSettings:
        """Return the published schedule and rates: 30,000 steps, densification to 15,000.

        Only `max_gaussians` stays ours.
        """
        published: dict[str, Any] = {"iterations": 30_000, "sh_every": 1_000, "surroundings": 0}
        published |= {"densify_from": 500, "densify_until": 15_000, "reset_every": 3_000, "grow_gradient": 2e-4}
        published |= {"coarse_until": 0}
        published |= {"lr_means": 1.6e-4, "lr_means_final": 1.6e-6, "lr_opacity": 0.05, "lr_scales": 5e-3}
        published |= {"lr_sh0": 2.5e-3, "lr_shN": 2.5e-3 / 20, "settle_from": 1.0}
        return cls(**(published | changes))

    def scaled(self, iterations: int) -> TrainSettings:
        """Return the same schedule stretched or shrunk to `iterations` steps: its phases keep their share of the steps.

        Rounds of growth never come closer together: a round needs gradients of most views to judge by.
        """
        share = iterations / self.iterations
        counted = ("sh_every", "coarse_until", "color_decided", "densify_from", "densify_until", "reset_every")
        changes: dict[str, Any] = {name: _at_least_one(getattr(self, name), share) for name in counted}
        every = max(self.densify_every, round(self.densify_every * share))
        return dataclasses.replace(self, iterations=iterations, densify_every=every, **changes)

    def sh_degree_at(self, step: int) -> int:
        """Return the degree in use at a step (counted from 0)."""
        return min(self.sh_degree, step // self.sh_every)

    def coarse_at(self, step: int, pixels: int) -> bool:
        """Return True if an image of so many pixels is fitted at half its size at a step (counted from 0)."""
        return step < self.coarse_until * min(1.0, pixels / self.coarse_pixels)

    def lr_means_at(self, step: int) -> float:
        """Return the learning rate of positions at a step, in extents: exponential from start to end."""
        share = min(1.0, step / self.iterations)
        return float(self.lr_means ** (1.0 - share) * self.lr_means_final**share)

    def settling_at(self, step: int) -> float:
        """Return the factor of all learning rates but that of positions at a step, from 1 down to `settle_to`."""
        share = (step / self.iterations - self.settle_from) / max(1.0 - self.settle_from, 1e-9)
        return float(self.settle_to ** min(max(share, 0.0), 1.0))

    def densifies_after(self, step: int) -> bool:
        """Return True if the set of Gaussians changes after this step (counted from 1)."""
        return self.densify_from < step <= self.densify_until and step % self.densify_every == 0

    def resets_after(self, step: int) -> bool:
        """Return True if opacities are reset after this step (counted from 1)."""
        return self.reset_every > 0 and step <= self.densify_until and step % self.reset_every == 0


def _at_least_one(steps: int, share: float) -> int:
    # 0 means never and stays so.
    return max(1, round(steps * share)) if steps > 0 else 0
