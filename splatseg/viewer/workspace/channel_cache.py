"""What Gaussians carry into the pictures of one workspace, kept from picture to picture.

Blending takes one matrix (N,C) of values; its columns are written only when what they show has changed. Colours depend
on the direction of view: those of a picture while the camera moves may be of a place nearby.

Alphabet: N Gaussians; C channels; a part is some of them, (N,c) or (N,), a tensor that nobody writes to: it is the
same part as before if it is the same tensor.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.render.overlays import LUMA
from splatseg.render.rgb import view_colors
from splatseg.viewer.workspace.draft_size import Pace

if TYPE_CHECKING:
    from splatseg.viewer.shown_scene import ShownScene

NEARBY = 0.05
"""Colours are of a place nearby if it is no farther than this share of the distance to the scene's middle."""


class Canvas:
    """Of one workspace; `lock` is held by who draws."""

    def __init__(self, scene: ShownScene) -> None:
        self.lock: threading.Lock = threading.Lock()
        self.pace: Pace = Pace()
        self._scene = scene
        self._values = torch.empty(0, 0)
        self._written: list[Tensor] = []
        self._kept: dict[str, tuple[tuple[object, ...], Tensor]] = {}
        self._colors: tuple[np.ndarray, Tensor] | None = None
        self._middle: np.ndarray | None = None

    def values(self, parts: Sequence[Tensor]) -> Tensor:
        """The parts side by side, (N,C), contiguous; valid until the next call."""
        if len(parts) == 1 and parts[0].ndim == 2:
            return parts[0]
        columns = [part[:, None] if part.ndim == 1 else part for part in parts]
        shape = (len(parts[0]), sum(part.shape[1] for part in columns))
        if self._values.shape != shape or len(self._written) != len(parts):
            self._values, self._written = torch.empty(shape), [self._values] * len(parts)
        start = 0
        for number, (part, column) in enumerate(zip(parts, columns, strict=True)):
            stop = start + column.shape[1]
            if self._written[number] is not part:
                self._values[:, start:stop] = column
            start = stop
        self._written = list(parts)
        return self._values

    def kept(self, name: str, sources: Sequence[object], make: Callable[[], Tensor]) -> Tensor:
        """The part made from some sources, made anew only if one of them is another object."""
        known = self._kept.get(name)
        if known is None or not all(map(operator.is_, known[0], sources)):
            known = self._kept[name] = (tuple(sources), make())
        return known[1]

    def colors(self, camera: Camera, draft: bool) -> Tensor:
        """The splat's colours (N,3) as a camera sees them, about so for a draft."""
        splats, place, kept = self._scene.splats, camera.position, self._colors
        if kept is not None and (
            splats.sh_degree == 0 or np.array_equal(kept[0], place) or (draft and self._nearby(kept[0], place))
        ):
            return kept[1]
        self._colors = (place, view_colors(splats.means, splats.sh0, splats.shN, camera, splats.sh_degree))
        return self._colors[1]

    def grey(self, camera: Camera, draft: bool) -> Tensor:
        """The luma (N,) of those colours."""
        colors = self.colors(camera, draft)
        return self.kept("grey", [colors], lambda: colors @ torch.tensor(LUMA))

    def _nearby(self, one: np.ndarray, other: np.ndarray) -> bool:
        if self._middle is None:
            self._middle = self._scene.splats.means.median(0).values.double().numpy()
        return bool(np.linalg.norm(one - other) <= NEARBY * np.linalg.norm(other - self._middle))
