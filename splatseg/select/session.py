"""A session: a splat prepared for prompts; the parts that do not depend on the prompt are computed once.

    session = Session(splats)
    selection = select_by_click(session, camera, (x, y))
    mask = session.mask(camera, selection.members)
    behind = select_by_click(session.without(selection.members), camera, (x, y))

A selection is the same in a session and on the splat itself, for which a session is opened. Two things are expensive:
the unit features of all Gaussians (kept: 4 F bytes each) and preparing a view. A click prepares the tiles around its
pixel alone (`raster.window`), unless its view is prepared; other prompts, masks and pictures prepare all of it, and the
last view stays prepared. The split is that of Segment Anything's set_image and predict.

Alphabet: N Gaussians, F features, H x W pixels.
"""

from __future__ import annotations

import dataclasses
import threading
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.cluster.components import drop_small_pieces
from splatseg.machine.devices import resident
from splatseg.raster.interface import Plan, prepare, rasterize_levels
from splatseg.raster.sight import Groups
from splatseg.raster.window import Window, prepare_window
from splatseg.render.label_maps import MASK_THRESHOLD
from splatseg.select.match import Match, features_of
from splatseg.select.seen import NEIGHBOURHOOD, Seen
from splatseg.splats.splats import Splats


class _Kept:
    """Arrays that depend neither on prompts nor on segments nor on the view; each is computed on first use."""

    def __init__(self, splats: Splats) -> None:
        self._splats = splats

    @cached_property
    def features(self) -> np.ndarray:
        return features_of(self._splats)

    @cached_property
    def shape(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means, quats and scales where this process computes."""
        there = self._splats.resident
        return there.means, there.quats, there.scales.detach()

    @cached_property
    def scales(self) -> np.ndarray:
        scales: np.ndarray = self.shape[2].cpu().numpy()
        return scales

    @cached_property
    def opacities(self) -> Tensor:
        return self._splats.opacities.detach()

    @cached_property
    def reach(self) -> np.ndarray:
        reach: np.ndarray = self.shape[2].amax(1).cpu().numpy()
        return reach

    @cached_property
    def groups(self) -> Groups:
        return Groups.of(self._splats.positions, self.reach)


class _View:
    """The view of the last camera, prepared. Sessions that differ in segments alone share it."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.window: Window | None = None
        self.preparing: threading.Lock = threading.Lock()


class Session:
    """Prompts on one splat, in any of its views, one after another."""

    def __init__(self, splats: Splats) -> None:
        self.splats = splats
        self._kept = _Kept(splats)
        self._seen: Tensor | None = None
        self._view = _View()
        self._looked: Seen | None = None

    @property
    def features(self) -> np.ndarray:
        """Features (N,F) float32 with unit rows, zero rows kept. Raises PromptError if the splat has none."""
        return self._kept.features

    @property
    def opacities(self) -> Tensor:
        """(N,) in 0..1: the splat's opacities, 0 for Gaussians that this session hides."""
        return self._kept.opacities if self._seen is None else self._seen

    @property
    def scales(self) -> np.ndarray:
        """Linear scales (N,3) of the splat, world units."""
        return self._kept.scales

    @property
    def reach(self) -> np.ndarray:
        """Largest scale (N,) of each Gaussian, world units."""
        return self._kept.reach

    def warm_up(self) -> None:
        """Compute what the first click needs of the splat itself, features aside."""
        _ = self.opacities, self._kept.groups

    def plan(self, camera: Camera) -> Plan:
        """Return the splat prepared for a camera; that of the last camera is kept. Threads may share a session."""
        plan, view = self._view.plan, self._view
        if plan is None or not same_camera(plan.camera, camera):
            with view.preparing:  # who asks for a view that another thread is preparing waits for that
                plan = view.plan
                if plan is None or not same_camera(plan.camera, camera):
                    with torch.no_grad():
                        plan = prepare(*self._kept.shape, resident(self.opacities), camera)
                    view.plan = plan
        return plan

    def prepared_at(self, camera: Camera, pixel: tuple[int, int]) -> Window:
        """Return the view of a camera where it holds a pixel (x, y) and those beside it that a click looks at.

        It is the whole view if that is prepared, and else a window; the last window is kept.
        """
        view, plan = self._view, self._view.plan
        if plan is not None and same_camera(plan.camera, camera):
            return Window.of(plan)
        means, quats, scales = self._kept.shape
        if means.device.type != "cpu" or means.dtype != torch.float32:
            return Window.of(self.plan(camera))
        window = view.window
        if window is None or not same_camera(window.plan.camera, camera) or not window.holds(pixel, NEIGHBOURHOOD):
            geometry = means, quats, scales, self.opacities
            with torch.no_grad():
                kept, at = self._kept, (camera, pixel, NEIGHBOURHOOD)
                window = prepare_window(*geometry, kept.reach, *at, kept.groups)
            view.window = window
        return window

    @property
    def preparing(self) -> bool:
        """True while a thread prepares a view; whoever asks for one then waits."""
        return self._view.preparing.locked()

    def has_plan(self, camera: Camera) -> bool:
        """Return True if the splat is prepared for a camera already."""
        plan = self._view.plan
        return plan is not None and same_camera(plan.camera, camera)

    def look(self, camera: Camera, click: tuple[float, float]) -> Seen:
        """Return the view at a click (x, y); the last one is kept. Raises PromptError outside the image."""
        looked = self._looked
        if looked is None or looked.click != click or not same_camera(looked.camera, camera):
            looked = Seen(camera, self.splats, click, lambda: self.features, partial(self.prepared_at, camera))
            self._looked = looked
        return looked

    def segment_at(self, seen: Seen) -> np.ndarray | None:
        """Return the Gaussians (N,) bool of the segment that makes up most of a pixel; None if no segment does."""
        if self.splats.segment_ids is None:
            return None
        ids = self.splats.segment_ids.numpy()
        segment = seen.most(ids)
        return ids == segment if segment > 0 else None

    def fork(self) -> Session:
        """Return another session on the same splat that shares everything but the prepared view."""
        fork = Session(self.splats)
        fork._kept, fork._seen = self._kept, self._seen
        return fork

    def with_segments(self, ids: np.ndarray) -> Session:
        """Return a session on the same splat with other segments, ids (N,) int32, that shares what is prepared."""
        other = self.fork()
        other.splats = self.splats.replace(segment_ids=torch.from_numpy(ids))
        # Neither depends on segments, so the same click is not computed again.
        other._view, other._looked = self._view, self._looked
        return other

    def without(self, hidden: np.ndarray) -> Session:
        """Return a session in which the Gaussians `hidden` (N,) bool are not seen; their features are still there."""
        other = self.fork()
        other._seen = self.opacities.masked_fill(torch.from_numpy(hidden), 0.0)
        return other

    def tidy(self, selection: Match, min_share: float = 0.05) -> Match:
        """Apply `Match.tidy` with this splat."""
        means = self.splats.positions
        return dataclasses.replace(
            selection, members=drop_small_pieces(selection.members, means, self._kept.reach, min_share)
        )

    def mask(self, camera: Camera, members: np.ndarray) -> np.ndarray:
        """Return (H,W) bool: the pixels of a view of which members (N,) bool make up more than half."""
        levels = torch.from_numpy(members.astype(np.uint8))
        shown: np.ndarray = rasterize_levels(self.plan(camera), levels, 1, MASK_THRESHOLD).numpy() > 0
        return shown


def session_of(splats: Splats | Session) -> Session:
    """Return the session itself, or a new one for a splat."""
    return splats if isinstance(splats, Session) else Session(splats)


def same_camera(one: Camera, other: Camera) -> bool:
    """Return True if two cameras see the same through pixels of the same size."""
    return one is other or (
        (one.width, one.height) == (other.width, other.height)
        and np.array_equal(one.viewmat, other.viewmat)
        and np.array_equal(one.K, other.K)
    )
