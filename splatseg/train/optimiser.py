"""Adam over the parameters of Gaussians, with moments that follow when Gaussians are cloned, split or pruned.

    m <- b1 m + (1 - b1) g     v <- b2 v + (1 - b2) g^2     p <- p - lr * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)

Source: Adam (Kingma & Ba 2015) with the constants of 3DGS (b1 0.9, b2 0.999, eps 1e-15). Alphabet: p (N,...) a
parameter, one row per Gaussian; m, v its first and second moments; t steps taken so far, the same for all.

A parameter whose gradient is zero for k steps still moves by its momentum; in the paper's code the features have no
gradient in 49 of 50 steps. Since eps is negligible against sqrt(v), those k steps sum to one factor (`coast`), applied
when the values are next needed.

On the processor the step is native: torch's own imports its compiler, which takes 80 MB. Coefficients of colour may be
given the gradient of the colours instead of their own, which is 15 times as large (`splats.colors.SeenColors`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.machine.devices import native_takes
from splatseg.raster.interface import check_native
from splatseg.splats.colors import SeenColors, Trained
from splatseg.train.moments import Moments, unpacked
from splatseg.train.moments import packed as pack

BETA1, BETA2, EPS = 0.9, 0.999, 1e-15


class Optimiser:
    """Adam over named parameters with N rows each.

    `parameters` are leaves that require a gradient, `moments` their first and second moments by name. `steps` counts
    the steps; `idle` counts, by name, the steps with zero gradient that a parameter has yet to catch up with. `packed`
    names the parameters whose moments take 16 bits (`train.moments`); they cannot rest.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        moments: dict[str, Moments] | None = None,
        steps: int = 0,
        idle: dict[str, int] | None = None,
        packed: tuple[str, ...] = (),
    ) -> None:
        self.parameters: dict[str, Tensor] = {
            name: value.detach().contiguous().requires_grad_() for name, value in parameters.items()
        }
        self.packed: tuple[str, ...] = packed
        self.moments: dict[str, Moments] = (
            {name: self._fresh(name, value) for name, value in parameters.items()}
            if moments is None
            else {name: pack(found) if name in packed else unpacked(found) for name, found in moments.items()}
        )
        self.steps: int = steps
        self.idle: dict[str, int] = idle or {}

    def step(self, rates: dict[str, float], resting: tuple[str, ...] = (), seen: SeenColors | None = None) -> None:
        """Take one Adam step with the present gradients, then drop these. `rates`: learning rate by name.

        Parameters named in `resting` have a zero gradient by construction; their step is put off until needed. With
        `seen`, the gradient of sh0 and shN is that of its colours; call it before the positions have moved.
        """
        check_native()
        self.catch_up(rates, except_for=resting)
        native = native_takes(*self.parameters.values())
        steps = {name: _native_step(self.steps + 1, rates[name]) for name in self.parameters}
        others = [name for name in self.parameters if name not in resting]
        if seen is not None and not native:
            coefficients = self.parameters["sh0"], self.parameters["shN"]
            for value, own in zip(coefficients, seen.coefficient_gradients(coefficients[1].shape[1]), strict=True):
                value.grad = own
        elif seen is not None:  # first, since its directions are those of the positions before the step
            seen.adam(self._trained("sh0"), steps["sh0"], self._trained("shN"), steps["shN"])
            others = [name for name in others if name not in ("sh0", "shN")]
        for name in others:
            gradient = self.parameters[name].grad
            if not native:
                adam(*self._trained(name), gradient, steps[name])
                continue
            flat = None if gradient is None else gradient.detach().contiguous().view(-1)
            value, first, second = (tensor.view(-1) for tensor in self._trained(name))
            _native.adam(value, flat, first, second, steps[name], torch.get_num_threads())
        for value in self.parameters.values():
            value.grad = None
        self.steps += 1
        for name in resting:
            self.idle[name] = self.idle.get(name, 0) + 1

    def catch_up(self, rates: dict[str, float], except_for: tuple[str, ...] = ()) -> None:
        """Take the steps that were put off. Call it before values are read or Gaussians change."""
        for name in [name for name in self.idle if name not in except_for]:
            assert name not in self.packed, f"the moments of {name} are packed, so it may not rest"
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
        parameters: dict[str, Tensor] = {}
        moments: dict[str, Moments] = {}
        for name in names:
            parameters[name] = rows_of(name, self.parameters.pop(name))
            first, second = self.moments.pop(name)
            first = carried(first, source, fresh)
            moments[name] = first, carried(second, source, fresh)
        return Optimiser(parameters, moments, self.steps, packed=self.packed)

    def widen(self, name: str, wider: Callable[[Tensor], Tensor]) -> None:
        """Exchange a parameter and its moments, one by one, for what `wider` makes of each."""
        _native.free_scratch()
        self.parameters[name] = wider(self.parameters[name].detach()).requires_grad_()
        first, second = self.moments.pop(name)
        first = wider(first)
        self.moments[name] = first, wider(second)

    def end(self) -> None:
        """Let go of the moments and of scratch memory: no step is taken any more."""
        self.moments.clear()
        _native.free_scratch()

    def exchanged(self, name: str, value: Tensor) -> Optimiser:
        """Return the optimiser with one parameter exchanged; its moments are zero."""
        moments = self.moments | {name: self._fresh(name, value)}
        return Optimiser(self.parameters | {name: value}, moments, self.steps, dict(self.idle), self.packed)

    def _fresh(self, name: str, value: Tensor) -> Moments:
        kind = torch.int16 if name in self.packed else value.dtype
        first = torch.zeros(value.shape, dtype=kind, device=value.device)
        return first, first.clone()

    def _trained(self, name: str) -> Trained:
        return (self.parameters[name].detach(), *self.moments[name])


def adam(value: Tensor, first: Tensor, second: Tensor, gradient: Tensor | None, step: list[float]) -> None:
    """Take a step of Adam in place, on any device and in any precision; step: as the kernels take it.

    No gradient is one of zeros.
    """
    beta1, beta2, rate, root, eps, _ = step
    with torch.no_grad():
        first.mul_(beta1)
        second.mul_(beta2)
        if gradient is not None:
            first.add_(gradient, alpha=1.0 - beta1)
            second.addcmul_(gradient, gradient, value=1.0 - beta2)
        value.addcdiv_(first, second.sqrt().div_(root).add_(eps), value=-rate)


def _native_step(step: int, rate: float) -> list[float]:
    """Return the numbers of a step (counted from 1) as the kernels take them."""
    return [BETA1, BETA2, rate / (1.0 - BETA1**step), math.sqrt(1.0 - BETA2**step), EPS, float(step)]


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
