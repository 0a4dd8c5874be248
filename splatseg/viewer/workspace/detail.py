"""The levels of detail of a scene, built in the background once drafts take long, for all its pages.

    detail.begin()                          at the first draft that takes long; another call does nothing
    built = detail.built                    None until it is built; drafts show all Gaussians meanwhile

Alphabet: N Gaussians; R rows of the levels, n of them Gaussians; K harmonics beyond the constant one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from splatseg.levels.build import StoppedError, build_levels
from splatseg.levels.levels import Levels
from splatseg.splats.splats import Splats

LOG = logging.getLogger("splatseg.viewer")


@dataclass(frozen=True, eq=False)
class Built:
    """The levels of a splat with the harmonics of the merged Gaussians."""

    levels: Levels
    """The levels."""
    sh0: Tensor
    """Constant coefficients (R-n,3) of the merged Gaussians."""
    shN: Tensor  # noqa: N815
    """Their other coefficients (R-n,K,3)."""


class Detail:
    """The levels of one splat. Threads may share it."""

    def __init__(self, splats: Splats) -> None:
        self._splats = splats
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self.built: Built | None = None

    def begin(self) -> None:
        """Start building, if that has not been done."""
        with self._lock:
            if self._thread is None and not self._stopped:
                # Not a daemon: the interpreter must not end while native code runs in this thread.
                self._thread = threading.Thread(target=self._build, name="splatseg-levels")
                self._thread.start()

    def close(self) -> None:
        """Stop building; what is built stays."""
        with self._lock:
            self._stopped = True

    def wait(self) -> None:
        """Return when the levels are built, if that was begun."""
        if self._thread is not None:
            self._thread.join()

    def _build(self) -> None:
        splats = self._splats
        try:
            with torch.no_grad():
                levels = build_levels(*splats.geometry, stopped=lambda: self._stopped)
                self.built = Built(levels, levels.merged(splats.sh0), levels.merged(splats.shN))
        except StoppedError:
            pass
        except MemoryError:
            LOG.warning("there is no memory for levels of detail; moving pictures stay as slow as they are")
