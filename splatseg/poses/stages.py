"""Stages of a reporter from lines of progress."""

from __future__ import annotations

from contextlib import ExitStack

from splatseg.run.reporter import Reporter


class Stages(ExitStack):
    """Turns lines of progress into stages of a reporter, one open at a time."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self._reporter, self._name = reporter, ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """See `poses.child.OnProgress`."""
        if stage != self._name:
            self.close()
            self._name, self._advance = stage, self.enter_context(self._reporter.stage(stage, total))
        self._advance(done)
