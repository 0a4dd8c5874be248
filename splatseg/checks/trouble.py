"""Troubles found in what is given together: some are told, some refuse it unless the user insists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from splatseg.errors import SplatsegError


@dataclass(frozen=True)
class Trouble:
    """Something that does not belong together."""

    text: str
    """One sentence: what was found, where, and what to do."""

    error: type[SplatsegError] | None = None
    """Error that refuses what cannot be right; None for a trouble that is only told."""


FORCE = "; --force goes on all the same"
"""Way on for commands that can be forced."""


def settle(troubles: Sequence[Trouble], warn: Callable[[str], None], force: bool = False, way_on: str = FORCE) -> None:
    """Tell all troubles and raise the first of those that refuse; with `force` it is told like the others.

    way_on: end of the sentence that refuses.
    """
    refused = next((trouble for trouble in troubles if trouble.error is not None and not force), None)
    for trouble in troubles:
        if trouble is not refused:
            warn(trouble.text)
    if refused is not None and refused.error is not None:
        raise refused.error(f"{refused.text}{way_on}")
