"""The state of a fit between its steps: parameters, moments, statistics of growth, colour corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from splatseg.machine.devices import current
from splatseg.splats.spherical_harmonics import coefficient_count
from splatseg.splats.splats import Splats
from splatseg.train import density
from splatseg.train.color_correction import Correction
from splatseg.train.losses import JointObjective
from splatseg.train.optimiser import Optimiser

PACKED = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
"""Parameters whose moments take 16 bits. Those of features may rest, and do not."""


@dataclass(eq=False)
class FitState:
    """All state that changes during a fit."""

    optimiser: Optimiser
    """The optimiser, which also holds the parameters."""
    statistics: density.Statistics
    """Statistics for growth, since its last round."""
    step: int = 0
    """Steps done."""
    correction: Correction | None = None
    """Colour corrections of the photographs; None for a fit without."""
    own: Tensor | None = None
    """(N,) bool: Gaussians that stay when the fit ends, and descendants of such, in a fit of a part; None for all."""

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Leaf tensors by the names of `Splats`; shN holds only the degrees in use so far."""
        return self.optimiser.parameters

    def splats(self, sh_degree: int) -> Splats:
        """Return the splat, with all coefficients up to `sh_degree`, without Gaussians not finite; this ends the fit.

        Its tensors are those of the parameters, from a card copies on the processor, and the moments are gone.
        """
        values: dict[str, Any] = {name: value.detach().cpu() for name, value in self.parameters.items()}
        self.optimiser.end()
        values["shN"] = _with_coefficients(values["shN"], coefficient_count(sh_degree))
        finite = finite_rows(values)
        splats = Splats(**values)
        return splats if bool(finite.all()) else splats.subset(finite)

    def use_coefficients(self, count: int) -> None:
        """Hold `count` coefficients beyond the constant one from now on.

        Those of degrees not yet in use have zero gradients and moments: they are not stored.
        """
        if self.parameters["shN"].shape[1] < count:
            self.optimiser.widen("shN", lambda values: _with_coefficients(values, count))

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors of the state by the names that they have in checkpoints."""
        tensors = {f"value.{name}": value for name, value in self.parameters.items()}
        for name, (first, second) in self.optimiser.moments.items():
            tensors |= {f"first.{name}": first, f"second.{name}": second}
        if self.correction is not None:
            tensors |= {f"color.{name}": value for name, value in self.correction.state.items()}
        if self.own is not None:
            tensors["own"] = self.own.to(torch.uint8)
        return tensors | {
            "statistics.gradient_sum": self.statistics.gradient_sum,
            "statistics.views": self.statistics.views,
        }


def begin(splats: Splats, objective: JointObjective | None = None) -> FitState:
    """Return the state before the first step, on the device of this process."""
    device = current()
    parameters = {name: getattr(splats, name).detach().to(device, copy=True) for name in PACKED}
    if objective is not None:
        parameters["features"] = objective.initial_features(len(splats)).to(device)
    return FitState(Optimiser(parameters, packed=packed_on(device)), density.Statistics.empty(parameters["means"]))


def restored(tensors: Mapping[str, Tensor], step: int, idle: Mapping[str, int]) -> FitState:
    """Return the state that `FitState.tensors` told after a step, on the device of this process, uncorrected in colour.

    idle: steps that parameters have yet to catch up with, by name.

    Raises one of `tensors.DAMAGE` if the tensors are not those of a fit.
    """
    device = current()
    names = [name.removeprefix("value.") for name in tensors if name.startswith("value.")]
    moments = {name: (tensors[f"first.{name}"], tensors[f"second.{name}"]) for name in names}
    for name, pair in moments.items():
        if any(m.shape != tensors[f"value.{name}"].shape or m.dtype not in (torch.float32, torch.int16) for m in pair):
            raise ValueError(f"its moments of {name} are not those of a fit")
    optimiser = Optimiser(
        {name: tensors[f"value.{name}"].to(device) for name in names},
        {name: (first.to(device), second.to(device)) for name, (first, second) in moments.items()},
        step,
        {name: int(count) for name, count in idle.items()},
        packed_on(device),
    )
    statistics = density.Statistics(*(tensors[f"statistics.{name}"].to(device) for name in ("gradient_sum", "views")))
    own = tensors["own"].to(device, torch.bool) if "own" in tensors else None
    return FitState(optimiser, statistics, step, own=own)


def packed_on(device: torch.device) -> tuple[str, ...]:
    """Return the names of the parameters whose moments take 16 bits on a device: a card has room for 32."""
    return PACKED if device.type == "cpu" else ()


def finite_rows(parameters: dict[str, Tensor]) -> Tensor:
    """Return (N,) bool: Gaussians whose parameters are all finite."""
    return torch.stack([torch.isfinite(value).reshape(len(value), -1).all(1) for value in parameters.values()]).all(0)


def _with_coefficients(values: Tensor, count: int) -> Tensor:
    if values.shape[1] >= count:
        return values
    wider = values.new_zeros(len(values), count, 3)
    wider[:, : values.shape[1]] = values
    return wider
