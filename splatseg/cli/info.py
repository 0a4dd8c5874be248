"""`splatseg info`: facts about a file, a run or a capture, and about this installation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.console import Terminal


@dataclass(frozen=True)
class Info:
    """Print facts about a splat file, a run or a capture; without a path, about this installation."""

    path: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="FILE|RUN|CAPTURE")] = None
    """A splat file, a run folder or the folder of a capture."""

    def run(self, terminal: Terminal) -> None:
        """Print a table of facts."""
        from splatseg.jobs.info import describe, describe_machine

        facts = describe_machine() if self.path is None else describe(self.path)
        width = max(len(name) for name in facts)
        for name, value in facts.items():
            terminal.results.print(f"{name:<{width}}  {value}", markup=False, soft_wrap=True)
