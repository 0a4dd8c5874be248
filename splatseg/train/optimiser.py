"""Adam over the parameters of Gaussians, with moments that follow when Gaussians are cloned, split or pruned.

    m <- b1 m + (1 - b1) g     v <- b2 v + (1 - b2) g^2     p <- p - lr * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)

Source: Adam (Kingma & Ba 2015) with the constants of 3DGS (b1 0.9, b2 0.999, eps 1e-15). Alphabet: p (N,...) a
parameter, one row per Gaussian; m, v its first and second moments; t steps taken so far, the same for all.

A parameter whose gradient is zero for k steps still moves by its momentum; in the paper's code the features have no
gradient in 49 of 50 steps. Since eps is negligible against sqrt(v), those k steps sum to one factor (`coast`), applied
when the values are next needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

BETA1, BETA2, EPS = 0.9, 0.999, 1e-15


class Optimiser:
    """Adam over named parameters with N rows each.

    `parameters` are leaves that require a gradient, `moments` their first and second moments by name. `steps` counts
    the steps; `idle` counts, by name, the steps with zero gradient that a parameter has yet to catch up with.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        moments: dict[str, tuple[Tensor, Tensor]] | None = None,
        steps: int = 0,
        idle: dict[str, int] | None = None,
    ) -> None:
        self.parameters: dict[str, Tensor] = {
            name: value.detach().contiguous().requires_grad_() for name, value in parameters.items()
        }
        self.moments: dict[str, tuple[Tensor, Tensor]] = moments or {
            name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in parameters.items()
        }
        self.steps: int = steps
        self.idle: dict[str, int] = idle or {}
        self._adam = self._fused()

    def step(self, rates: dict[str, float], resting: tuple[str, ...] = ()) -> None:
        """Take one Adam step with the present gradients, then drop these. `rates`: learning rate by name.

        Parameters named in `resting` have a zero gradient by construction; their step is put off until needed.
        """
        self.catch_up(rates, except_for=resting)
        active = {name: value for name, value in self.parameters.items() if name not in resting and value.numel()}
        for group in self._adam.param_groups:
            name = group["name"]
            group["lr"] = rates[name]
            if name not in active:
                group["params"][0].grad = None
            elif active[name].grad is None:
                active[name].grad = torch.zeros_like(active[name])
        for value in active.values():
            self._adam.state[value]["step"].fill_(self.steps)  # it was not counted while resting
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        self.steps += 1
        for name in resting:
            self.idle[name] = self.idle.get(name, 0) + 1

    def catch_up(self, rates: dict[str, float], except_for: tuple[str, ...] = ()) -> None:
        """Take the steps that were put off. Call it before values are read or Gaussians change."""
        for name in [name for name in self.idle if name not in except_for]:
            count = self.idle.pop(name)
            with torch.no_grad():
                coast(
                    self.parameters[name], *self.moments[name], steps=self.steps - count, count=count, rate=rates[name]
                )

    def edited(self, rows_of: Callable[[str, Tensor], Tensor], source: Tensor, fresh: Tensor) -> Optimiser:
        """Return the optimiser of a changed set of M Gaussians, with `carried` moments, at the same time.

        rows_of(name, value) gives a parameter (N,...) as it is afterwards, (M,...). This optimiser is used up: it lets
        go of its tensors one by one, so that only one of them is in memory twice. Requires that `catch_up` was called.
        """
        assert not self.idle, f"steps of {sorted(self.idle)} are still to be taken"
        names = list(self.parameters)
        del self._adam
        parameters: dict[str, Tensor] = {}
        moments: dict[str, tuple[Tensor, Tensor]] = {}
        for name in names:
            parameters[name] = rows_of(name, self.parameters.pop(name))
            first, second = self.moments.pop(name)
            first = carried(first, source, fresh)
            moments[name] = first, carried(second, source, fresh)
        return Optimiser(parameters, moments, self.steps)

    def exchanged(self, name: str, value: Tensor, moments: tuple[Tensor, Tensor] | None = None) -> Optimiser:
        """Return the optimiser with one parameter exchanged; its moments are zero if not given."""
        fresh = moments or (torch.zeros_like(value), torch.zeros_like(value))
        return Optimiser(self.parameters | {name: value}, self.moments | {name: fresh}, self.steps, dict(self.idle))

    def _fused(self) -> torch.optim.Adam:
        groups = [
            {"params": [value], "lr": 0.0, "name": name} for name, value in self.parameters.items() if value.numel()
        ]
        # torch warns of an optimiser without parameters, but here an empty set of Gaussians is no error.
        groups = groups or [
            {"params": [torch.zeros(1, requires_grad=True)], "lr": 0.0, "name": next(iter(self.moments))}
        ]
        adam = torch.optim.Adam(groups, betas=(BETA1, BETA2), eps=EPS, fused=True)
        for name, value in self.parameters.items():
            if value.numel():
                first, second = self.moments[name]
                adam.state[value] = {
                    "step": torch.tensor(float(self.steps)),
                    "exp_avg": first,
                    "exp_avg_sq": second,
                }
        return adam


def carried(rows: Tensor, source: Tensor, fresh: Tensor) -> Tensor:
    """Return the moments (N,...) as a new tensor (M,...) for M Gaussians: row source[i], or zero where fresh[i]."""
    result = rows[source]
    result[fresh] = 0.0
    return result


def coast(value: Tensor, first: Tensor, second: Tensor, *, steps: int, count: int, rate: float) -> None:
    """Take `count` Adam steps with zero gradient, in place, after `steps` steps: momentum goes on and decays.

    The ratio m / sqrt(v) changes by b1 / sqrt(b2) per step, and the bias corrections depend on t alone: so all steps
    together are one multiple of the present ratio (eps, 1e-15, is left out).
    """
    if count == 0:
        return
    factor = sum(
        (BETA1 / math.sqrt(BETA2)) ** j * math.sqrt(1.0 - BETA2 ** (steps + j)) / (1.0 - BETA1 ** (steps + j))
        for j in range(1, count + 1)
    )
    ratio = first / second.sqrt().clamp(min=1e-30)  # both are zero if there never was a gradient
    value.sub_(ratio, alpha=rate * factor)
    first.mul_(BETA1**count)
    second.mul_(BETA2**count)


def exponential(start: float, end: float, share: float) -> float:
    """Return the value between `start` at share 0 and `end` at share 1, with the same factor for every step between."""
    return start * float((end / start) ** min(max(share, 0.0), 1.0))
