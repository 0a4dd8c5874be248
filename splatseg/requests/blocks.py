"""Work in blocks asked for: how many, and the engine that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from splatseg.engine.request import EngineRequest
from splatseg.errors import RunError
from splatseg.requests.workers import WorkersRequest

AUTO = "auto"
"""As many blocks as the memory asks for."""


@dataclass(frozen=True)
class NumberOfBlocks:
    """Blocks in which what is too large for one piece is fitted and segmented."""

    blocks: Annotated[str | None, tyro.conf.arg(metavar="N|auto")] = None
    """Fit and segment the splat in N blocks, or in as many as the memory asks for (auto). Segments of a splat are the
    same; a fit in blocks is another one. Default: as the run was made, or in one piece."""

    @property
    def number(self) -> int | None:
        """The number of blocks; None where it is auto or as the run was made. Raises RunError if it is no number."""
        if self.blocks is None or self.is_auto:
            return None
        if not self.blocks.isdecimal() or not 1 <= int(self.blocks) < 10**9:
            raise RunError(f"the blocks are '{self.blocks}'; give a number from 1 to {10**9 - 1:,}, or auto")
        return int(self.blocks)

    @property
    def is_auto(self) -> bool:
        """True if the number of blocks is to be chosen."""
        return self.blocks == AUTO


@dataclass(frozen=True)
class BlocksRequest(WorkersRequest, NumberOfBlocks):  # fields of the last come first
    """Blocks in which what is too large for one piece is fitted and segmented, and the workers that share them."""

    @classmethod
    def of(cls, asked: Blocks) -> BlocksRequest:
        """Return a request of a number of blocks or "auto", worked on by this process; a request as it is."""
        return asked if isinstance(asked, BlocksRequest) else cls(None if asked is None else str(asked))

    @property
    def engine(self) -> EngineRequest | None:
        """The engine; None for this process alone."""
        return self._engine(self.workers is None)


Blocks = BlocksRequest | str | int | None
"""Blocks as a user of Python asks for them: a number, "auto", or a request that names workers too; None for none."""
