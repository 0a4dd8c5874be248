"""Work in blocks asked for: how many, and the engine that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from splatseg.engine.request import EngineRequest
from splatseg.errors import RunError

AUTO = "auto"
"""As many blocks as the memory asks for."""


@dataclass(frozen=True)
class BlocksRequest:
    """Blocks of a splat, and the engine that works on its views.

    """

    blocks: int | Literal["auto"] | None = None
    """Blocks, 1 for one piece; auto: as many as the memory asks for; None: as the run was made, or one piece."""
    engine: EngineRequest | None = None
    """Workers, a scheduler or a queue; None works on view after view in this process."""

    @classmethod
    def of(cls, text: str | None, engine: EngineRequest | None = None) -> BlocksRequest:
        """Read a number from 1, or auto. Raises RunError for anything else."""
        if text is None or text == AUTO:
            return cls(None if text is None else "auto", engine)
        if not text.isdecimal() or not 1 <= int(text) < 10**9:
            raise RunError(f"the blocks are '{text}'; give a number from 1, or auto")
        return cls(int(text), engine)
