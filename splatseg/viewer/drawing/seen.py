"""Gaussians that a picture is blended from: all of a splat, or for a draft of a large one those of a level of detail.

    seen = seen_by(workspace, step, camera, draft)
    blended, alphas = seen.blend([seen.colors(), seen.selected()])

What Gaussians carry (tints, the selection, similarity) merged ones carry as the mean of those parts that are shown, by
their light; so is their opacity the share of light that is shown.

Alphabet: N Gaussians; M drawn ones, which are all of them in `Whole`; R rows of the levels; C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.levels.levels import Cut
from splatseg.raster.interface import Plan, prepare, rasterize_levels, rasterize_plan
from splatseg.render.label_maps import MASK_THRESHOLD
from splatseg.render.overlays import LUMA
from splatseg.viewer.workspace.detail import Built
from splatseg.viewer.workspace.history import Step
from splatseg.viewer.workspace.workspace import Workspace

WORTH = 0.5
"""Share of a splat's Gaussians up to which a cut is drawn instead: above, copying it takes what it saves (a million
Gaussians of degree 3: at 0.52 a draft takes as long)."""


class Seen(Protocol):
    """Gaussians drawn from one camera."""

    @property
    def means(self) -> Tensor:
        """Centres (M,3), world units."""

    def colors(self) -> Tensor:
        """Return colours (M,3)."""

    def grey(self) -> Tensor:
        """Return the luma (M,) of the colours."""

    def carried(self, name: str, part: Tensor) -> Tensor:
        """Return what these carry, (M,...), if all Gaussians carry a part (N,...). name: what it is, for the cache."""

    def selected(self) -> Tensor:
        """Return the share (M,) of each that is selected."""

    def blend(self, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Blend parts (M,c) or (M,) into the camera's image: (H,W,C) and alphas (H,W)."""


def seen_by(workspace: Workspace, step: Step, camera: Camera, draft: bool) -> Seen:
    """Return what a picture of a step is blended from."""
    built = workspace.scene.detail.built if draft else None
    if built is not None:
        cut = built.levels.cut(camera, workspace.canvas.pace.cell)
        if cut.count <= WORTH * len(workspace.scene.splats):
            return Coarse(workspace, step, camera, built, cut)
    return Whole(workspace, step, camera, draft)


class Whole:
    """All Gaussians of the splat."""

    def __init__(self, workspace: Workspace, step: Step, camera: Camera, draft: bool) -> None:
        self._workspace, self._step, self._camera, self._draft = workspace, step, camera, draft
        self.means = workspace.scene.splats.means

    @cached_property
    def plan(self) -> Plan:
        """The view, prepared."""
        return self._workspace.session_of(self._step).plan(self._camera)

    def covered(self, members: np.ndarray) -> np.ndarray:
        """Return the pixels (H,W) bool of which members (N,) bool make up more than half.

        The same pixels as members blended as a channel give, above MASK_THRESHOLD, but decided pixels end early.
        """
        levels = torch.from_numpy(members.view(np.uint8))
        covered: np.ndarray = rasterize_levels(self.plan, levels, 1, MASK_THRESHOLD).numpy() > 0
        return covered

    def colors(self) -> Tensor:
        """See `Seen`."""
        return self._workspace.canvas.colors(self._camera, self._draft)

    def grey(self) -> Tensor:
        """See `Seen`."""
        return self._workspace.canvas.grey(self._camera, self._draft)

    def carried(self, name: str, part: Tensor) -> Tensor:
        """See `Seen`."""
        return part

    def selected(self) -> Tensor:
        """See `Seen`."""
        members = self._step.members
        return self._workspace.canvas.kept("members", [members], lambda: torch.from_numpy(members.array).float())

    def blend(self, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """See `Seen`."""
        return rasterize_plan(self.plan, self._workspace.canvas.values(parts))


class Coarse:
    """The rows of a cut through the levels of the splat."""

    def __init__(self, workspace: Workspace, step: Step, camera: Camera, built: Built, cut: Cut) -> None:
        self._canvas, self._step, self._hidden, self._camera = workspace.canvas, step, step.hidden, camera
        self._built, self._cut = built, cut
        self.means = cut.pick(built.levels.geometry[0])

    def colors(self) -> Tensor:
        """See `Seen`. Merged Gaussians have the colours of all their parts, hidden ones too."""
        return self._cut.pick(self._canvas.row_colors(self._built, self._cut, self._camera))

    def grey(self) -> Tensor:
        """See `Seen`."""
        return self.colors() @ torch.tensor(LUMA)

    def carried(self, name: str, part: Tensor) -> Tensor:
        """See `Seen`."""
        levels, hidden = self._built.levels, self._hidden
        if hidden is None:
            rows = self._canvas.kept(f"rows of {name}", [levels, part, None], lambda: levels.carried(part))
        else:
            shown = self._shown()

            def mean_of_shown() -> Tensor:
                there = torch.from_numpy(~hidden.array).reshape(-1, *[1] * (part.ndim - 1))
                return levels.carried(part * there) / shown.clamp(min=1e-6).reshape(-1, *[1] * (part.ndim - 1))

            rows = self._canvas.kept(f"rows of {name}", [levels, part, hidden], mean_of_shown)
        return self._cut.pick(rows)

    def selected(self) -> Tensor:
        """See `Seen`."""
        levels, members, hidden = self._built.levels, self._step.members, self._hidden

        def shares() -> Tensor:
            rows = levels.carried_flags(members.array)  # none of them is hidden
            return rows if hidden is None else rows / self._shown().clamp(min=1e-6)

        return self._cut.pick(self._canvas.kept("rows of members", [levels, members, hidden], shares))

    def blend(self, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """See `Seen`."""
        _, quats, scales, opacities = self._built.levels.geometry
        opacity = self._cut.pick(opacities)
        if self._hidden is not None:
            opacity *= self._cut.pick(self._shown())
        plan = prepare(self.means, self._cut.pick(quats), self._cut.pick(scales), opacity, self._camera)
        return rasterize_plan(plan, torch.cat([part.reshape(len(part), -1) for part in parts], 1))

    def _shown(self) -> Tensor:
        """Return the share (R,) of each row's light that is not hidden."""
        levels, hidden = self._built.levels, self._hidden
        assert hidden is not None
        return self._canvas.kept("shown", [levels, hidden], lambda: levels.carried_flags(~hidden.array))
