"""The photographs of a fit: decoded once where memory allows, else again whenever they are needed.

Photographs of phones have 36 MB each when decoded, and 500 of them 18 GB. As many as fit the budget are kept, spread
evenly over the views; the rest is decoded anew for every step, one step ahead in a thread of its own. Which are kept
changes no bit of the result. A photograph that is cut into the faces of a lens is several of the views: with the first
that is asked for, all those of its faces that are kept are cut.

Alphabet: V views; a photograph (H,W,3) uint8 with its ignored pixels (H,W) bool, or None where all count.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.spread import spread
from splatseg.untrusted.memory import memory_budget

PIXEL = 4
"""Bytes of a pixel: three colours, and whether it is ignored."""

TIDIED = 64 << 20
"""Bytes of photographs kept after which freed memory goes back to the system: decoding leaves gaps beside them, in all
a quarter of their size."""

Photograph = tuple[Tensor, Tensor | None]
"""Pixels (H,W,3) uint8, and those to ignore (H,W) bool."""


class Photographs(Sequence[Photograph]):
    """Photographs of views by their number; decoded ahead if it is told which one comes next."""

    def __init__(self, views: Sequence[View], budget: int | None = None) -> None:
        """Read nothing yet. budget: bytes that decoded photographs may take; None for half of the free memory."""
        self._views = tuple(views)
        sizes = [PIXEL * view.camera.width * view.camera.height for view in views]
        budget = memory_budget() if budget is None else budget
        share = min(1.0, budget / max(sum(sizes), 1))
        self._kept = set(spread(range(len(views)), int(share * len(views) + 1e-9)))
        self._faces: defaultdict[str, list[int]] = defaultdict(list)
        for index in sorted(self._kept):
            self._faces[views[index].photograph].append(index)
        self._decoded: dict[int, Photograph] = {}
        self._untidy = 0
        self._pool = ThreadPoolExecutor(1)
        self._coming: dict[int, Future[dict[int, Photograph]]] = {}

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, index: int) -> Photograph:  # type: ignore[override]
        """Return a photograph. Raises CaptureError if it cannot be read."""
        if index in self._decoded:
            return self._decoded[index]
        coming = self._coming.pop(index, None)
        found = self._read(index) if coming is None else coming.result()
        kept = {face: photograph for face, photograph in found.items() if face in self._kept}
        self._decoded |= kept
        self._untidy += sum(pixels.numel() for pixels, _ in kept.values())
        if self._untidy > TIDIED or (kept and len(self._decoded) == len(self._kept)):
            self._untidy = 0
            _native.free_scratch()
        return found[index]

    def ahead(self, index: int) -> None:
        """Begin to decode the photograph that will be asked for next."""
        if index not in self._decoded and index not in self._coming:
            self._coming = {index: self._pool.submit(self._read, index)}  # what was not asked for is forgotten

    def arrays(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield all photographs and their ignored pixels as arrays, one in memory at a time but for those kept."""
        for index in range(len(self)):
            pixels, ignored = self[index]
            yield pixels.numpy(), None if ignored is None else ignored.numpy()

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(cancel_futures=True)

    def _read(self, index: int) -> dict[int, Photograph]:
        """Return the photograph of a view, and of the other faces of the same one that are to be kept."""
        faces = [face for face in self._faces[self._views[index].photograph] if face not in self._decoded]
        return {face: _read(self._views[face]) for face in {index, *faces}}


def _read(view: View) -> Photograph:
    ignored = view.ignored()
    pixels = torch.from_numpy(np.ascontiguousarray(view.image()))
    return pixels, None if ignored is None else torch.from_numpy(ignored)


def at_resolution(
    camera: Camera, photograph: Tensor, ignored: Tensor | None, coarse: bool
) -> tuple[Camera, Tensor, Tensor | None]:
    """Return camera, target (H,W,3) float32 in 0..1 and ignored pixels (H,W) bool; when coarse, all at half the size.

    The halved target has means of 2x2 pixels, and a pixel is ignored if one of the four is.
    """
    if not coarse or min(camera.width, camera.height) < 32:
        return camera, photograph.float().div_(255.0), ignored
    height, width = camera.height // 2, camera.width // 2
    # An odd last row or column is cut off, so pixels are exactly twice as large and K is exactly halved.
    blocks = photograph[: 2 * height, : 2 * width].float().reshape(height, 2, width, 2, 3)
    half = halved(camera)
    if ignored is not None:
        ignored = ignored[: 2 * height, : 2 * width].reshape(height, 2, width, 2).any(dim=3).any(dim=1)
    return half, blocks.mean(dim=(1, 3)).div_(255.0), ignored


def halved(camera: Camera) -> Camera:
    """Return a camera whose pixels are twice as large, an odd last row or column cut off."""
    K = camera.K * np.array([[0.5], [0.5], [1.0]])
    return dataclasses.replace(camera, K=K, width=camera.width // 2, height=camera.height // 2)
