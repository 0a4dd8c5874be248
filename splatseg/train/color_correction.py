"""Colour corrections of photographs: exposure and white balance that drift, taken out of the fit.

    loss(image + A_v image + b_v, photograph v)          (A_v, b_v) = strength * (o_v - mean over photographs of o)

o_v is the affine map from the rendered picture to the photograph that fits best (`render.affine_color`), renewed by
every step that shows the photograph; the gradient of the splat takes it as given. It is drawn to the identity, the more
the worse the picture is: a Gaussian prior of standard deviation DRIFT against errors as independent as PATCHES pixels
are. What all photographs have in common is no drift: it is taken away, and the splat keeps their mean colours. The
corrections are state of the fit alone; the splat is exported and rendered without.

A map also follows what the picture still lacks, and a splat that is fitted through it may follow the map. So nothing is
corrected before `TrainSettings.color_decided`. In the second half of the steps before, each half of every photograph
(left, right) gets a map of its own, and the other half tells how much of it is true:

    r = sum_v <change that one half's map makes in the other, error there> / sum_v |that change|^2

This is the factor by which such a map should be scaled to lessen the error most where it was not fitted: its variance
that is true, t, in all, t + n. A map of the whole photograph has half the noise n, so its factor is
strength = t / (t + n / 2) = 2 r / (1 + r) [Spearman, Brown]; at 1/2 it takes away as much error as it adds if it is not
scaled. `auto` corrects with this strength (at most 1) where r is above that of 1/2 by two standard errors over the
photographs, and the strength at least SURE; else nothing is corrected.

Alphabet: P photographs; moments (P,2,7,7): sums over the pixels of each half of z z^T, z = (x, 1, y - x), for colours x
of the picture and y of the photograph.

Source: an affine map a photograph is that of Urban Radiance Fields (Rematas et al. 2022), the measure of one half by
the other NeRF in the Wild's (Martin-Brualla et al. 2021); closed form, prior and decision are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.view import View
from splatseg.render.affine_color import affine_map, color_moments, with_affine_color

DRIFT = 0.1
"""Standard deviation that is expected of exposure and white balance, as a share of the light."""

PATCHES = 30
"""Independent errors in a picture: they belong to whole surfaces and things, of which a photograph shows some tens."""

LEAST_ERROR = 1.0 / 255**2 / 12
"""Mean squared error of 8-bit colours: no picture is known to be closer to its photograph."""

NO_GAIN = 1.0 / 3.0
"""The factor r at which the strength is 1/2."""

SURE = 0.9
"""Least strength to correct with. What a splat lacks is alike in both halves of a photograph, too: captures without any
drift reached 0.68 and 0.80 (garden; demo through a fisheye, whose segments suffered), two real ones 0.67 and 0.88. Six
captures that do drift had 0.94 to 1.00."""

KEPT = 0.5
"""Share of a photograph's moments that is kept when it is seen again."""

UNDECIDED = -1.0
"""Strength before it is decided."""


class Correction(Protocol):
    """Colours of photographs as a fit takes them."""

    @property
    def state(self) -> dict[str, Tensor]:
        """Everything that changes during the fit."""
        ...

    @property
    def strength(self) -> float | None:
        """Factor of the corrections, 0 for none; None as long as it is not decided."""
        ...

    def of(self, view: View) -> np.ndarray:
        """Return the offset (4,3) float64 of the map from the splat's colours to those of a view's photograph."""
        ...

    def corrected(self, step: int, view: View, image: Tensor, target: Tensor, hidden: Tensor | None) -> Tensor:
        """Return the image (H,W,3) of a step in the colours of its photograph, as far as they are known."""
        ...


class ColorCorrection:
    """The corrections of the photographs of a fit; none before they are decided on."""

    def __init__(
        self, views: Sequence[View], decided: int, always: bool, state: dict[str, Tensor] | None = None
    ) -> None:
        """Begin without any. decided: the step at which is decided; always: to correct whatever the evidence.

        state: that of an earlier part of the same fit, to go on with. Raises ValueError if it is of other photographs.
        """
        names = list(dict.fromkeys(view.photograph for view in views))
        self._rows = {name: row for row, name in enumerate(names)}
        self._decided, self._always = decided, always
        self._moments, self._offsets = np.zeros((len(names), 2, 7, 7)), np.zeros((len(names), 4, 3))
        self._strength = np.array([UNDECIDED])
        if state is not None:
            shapes = [tuple(state[name].shape) for name in ("moments", "offsets", "strength")]
            if shapes != [self._moments.shape, self._offsets.shape, (1,)]:
                raise ValueError(f"its color corrections are not of {len(names)} photographs")
            self._moments, self._offsets, self._strength = (
                state[name].numpy().astype(np.float64) for name in ("moments", "offsets", "strength")
            )

    @property
    def state(self) -> dict[str, Tensor]:
        """Everything that changes: moments (P,2,7,7), offsets (P,4,3) and strength (1,), float64."""
        arrays = {"moments": self._moments, "offsets": self._offsets, "strength": self._strength}
        return {name: torch.from_numpy(value.copy()) for name, value in arrays.items()}

    @property
    def strength(self) -> float | None:
        """Factor of the corrections, 0 for none; None as long as it is not decided."""
        return None if self._strength[0] == UNDECIDED else float(self._strength[0])

    def of(self, view: View) -> np.ndarray:
        """Return the offset (4,3) float64 of the map from the splat's colours to those of a view's photograph."""
        offset = self._offsets[self._rows[view.photograph]] - self._offsets.mean(axis=0)
        scaled: np.ndarray = (self.strength or 0.0) * offset
        return scaled

    def corrected(self, step: int, view: View, image: Tensor, target: Tensor, hidden: Tensor | None) -> Tensor:
        """Return the image (H,W,3) of a step in the colours of its photograph, as far as they are known, and learn.

        target (H,W,3): the photograph in 0..1. hidden (H,W) bool: pixels that do not count.
        """
        if 2 * step <= self._decided or self.strength == 0.0:
            return image
        self.observe(view, image, target, hidden)
        if step == self._decided:
            self.decide()
        return with_affine_color(image, self.of(view)) if self.strength else image

    def decide(self) -> None:
        """Decide how strong corrections are, by what was observed."""
        self._strength[0] = 1.0 if self._always else confirmed(self._moments)

    def observe(self, view: View, image: Tensor, target: Tensor, hidden: Tensor | None) -> None:
        """Learn of a picture (H,W,3) and its target (H,W,3). hidden (H,W) bool: pixels that do not count."""
        row = self._rows[view.photograph]
        counted = None if hidden is None else ~hidden.cpu().numpy()
        seen = color_moments(image.detach().cpu().numpy(), target.cpu().numpy(), counted)
        self._moments[row] = KEPT * self._moments[row] + seen
        self._offsets[row] = _offset(self._moments[row].sum(axis=0))


def confirmed(moments: np.ndarray) -> float:
    """Return the strength, SURE to 1, with which moments (P,2,7,7) confirm corrections; 0 if they do not."""
    moments = moments[(moments[:, :, 3, 3] > 0).all(axis=1)]  # photographs of which both halves were seen
    if len(moments) < 2:
        return 0.0
    halves = np.array([[_offset(half) for half in photograph] for photograph in moments])
    common = np.array([_offset(photograph.sum(axis=0)) for photograph in moments]).mean(axis=0)
    halves -= common
    met, made = np.zeros(len(moments)), np.zeros(len(moments))
    for half in (0, 1):
        other = moments[:, 1 - half]
        gram, cross = other[:, :4, :4], other[:, :4, 4:]
        # The change x1 @ offset, and the error y - x without what all photographs have in common.
        met += np.einsum("vij,vij->v", halves[:, half], cross - gram @ common)
        made += np.einsum("vij,vik,vkj->v", halves[:, half], gram, halves[:, half])
    if made.sum() <= 0:
        return 0.0
    factor = float(met.sum() / made.sum())
    doubt = float(np.sqrt(np.square(met - factor * made).sum()) / made.sum())
    strength = min(2.0 * factor / (1.0 + factor), 1.0)
    return strength if factor - 2.0 * doubt > NO_GAIN and strength >= SURE else 0.0


def _offset(moments: np.ndarray) -> np.ndarray:
    """Return the offset (4,3) of moments (7,7), drawn to 0 by the prior."""
    count = moments[3, 3]
    if count <= 0:
        return np.zeros((4, 3))
    error = max(float(np.trace(moments[4:, 4:])) / (3 * count), LEAST_ERROR)
    return affine_map(moments / count, error / (PATCHES * DRIFT**2))
