"""Progress of a loop, reported after every item: `for view in counted(views, progress)`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

Item = TypeVar("Item")

Progress = Callable[[int, int], None]
"""progress(done, total): called after every item."""


def counted(items: Collection[Item], progress: Progress | None) -> Iterator[Item]:
    """Yield the items and call `progress`, unless it is None, when the body of the loop is done with each."""
    for done, item in enumerate(items, start=1):
        yield item
        if progress is not None:
            progress(done, len(items))
