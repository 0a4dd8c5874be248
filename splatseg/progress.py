"""Progress: of a loop, reported after every item, and of work in another process, told in a file.

    for view in counted(views, progress): ...

    write_stage(path, Stage("fitting", 100, 300, left=65.4, facts={"PSNR": "20.1"}))        read_stage(path)

The file is JSON: {"name", "done", "total", "left", "facts"}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from splatseg.untrusted.documents import DocumentError, Field, read_json

Item = TypeVar("Item")

Progress = Callable[[int, int], None]
"""progress(done, total): called after every item."""


def counted(items: Collection[Item], progress: Progress | None) -> Iterator[Item]:
    """Yield the items and call `progress`, unless it is None, when the body of the loop is done with each."""
    for done, item in enumerate(items, start=1):
        yield item
        if progress is not None:
            progress(done, len(items))


@dataclass(frozen=True)
class Stage:
    """The stage that some work is in."""

    name: str
    """Its name."""
    done: int
    """Steps that are done."""
    total: int
    """Steps that there are."""
    left: float | None = None
    """Seconds left of the stage; None before that can be told."""
    facts: Mapping[str, str | float] = field(default_factory=dict)
    """Figures that stand beside it: texts as they are shown, or numbers to be summed up."""

    @property
    def figures(self) -> str:
        """The facts in one line."""
        return "  ".join(f"{name} {value}" for name, value in self.facts.items())


def write_stage(path: Path, stage: Stage) -> None:
    """Write the stage that work is in, for whoever may look; a full disk costs this and not the work."""
    part = path.with_name(f"{path.name}~")
    with suppress(OSError):
        # Not synced to the disk: it is stale in a second.
        part.write_text(json.dumps(asdict(stage)), encoding="utf-8")
        part.replace(path)


def read_stage(path: Path) -> Stage | None:
    """Read the stage that work is in; None if nobody has told of any."""
    try:
        row = read_json(path)
        left = row.get("left")
        return Stage(
            row["name"].text(),
            row["done"].whole(0),
            row["total"].whole(0),
            None if left is None else left.number(0),
            {name: _fact(fact) for name, fact in row["facts"].entries().items()},
        )
    except (OSError, DocumentError):
        return None


def _fact(value: Field) -> str | float:
    return value.text() if isinstance(value.value, str) else value.number()
