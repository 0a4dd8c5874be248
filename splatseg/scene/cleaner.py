"""Finds the floaters of a scene: the evidence is gathered once, and each strength is then judged in an instant.

Alphabet: N Gaussians.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from splatseg.clean.evidence import Evidence, gather_evidence
from splatseg.clean.judge import Judgement, check_strength, held_by_segments, judge
from splatseg.clean.reasons import WORDS, reasons_of_words
from splatseg.errors import PromptError
from splatseg.progress import Progress
from splatseg.scene.state import SceneState


class Cleaner:
    """Finds the floaters of one scene."""

    def __init__(self, scene: SceneState) -> None:
        self._scene = scene
        self._lock = threading.Lock()
        self._evidence: Evidence | None = None

    @property
    def ready(self) -> bool:
        """True if the evidence is gathered already."""
        return self._evidence is not None

    def find(self, strength: float, reasons: Sequence[str] = (), progress: Progress | None = None) -> Judgement:
        """Judge every Gaussian at a strength in 0..1. reasons: words of `clean.reasons`, () for all.

        progress(done, total) is called after every view that is rendered for it, the first time.

        Raises PromptError for a strength outside 0..1 and for a reason that there is not.
        """
        check_strength(strength)
        unknown = sorted(set(reasons) - set(WORDS.values()))
        if unknown:
            raise PromptError(f"there is no reason {unknown[0]!r}; the reasons are {', '.join(WORDS.values())}")
        return judge(self.gathered(progress), strength, self._held(), reasons_of_words(reasons))

    def gathered(self, progress: Progress | None = None) -> Evidence:
        """Return the evidence; the first call gathers it, from the views that are not held out."""
        with self._lock:
            if self._evidence is None:
                scene = self._scene
                views = scene.run.capture.split("train") if scene.run is not None and scene.views else ()
                cameras = [view.camera for view in views]
                self._evidence = gather_evidence(scene.splats, cameras, progress)
            return self._evidence

    def _held(self) -> np.ndarray | None:
        table = self._scene.table
        if table is None:
            return None
        return held_by_segments(self._scene.splats.own_positions, table.ids, table.rows())
