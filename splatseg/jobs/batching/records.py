"""Records: how far each scene of a batch is, one JSON object a line, in OUT/batch/state.jsonl.

    {"at", "do", "scene", "state", "options", "command", "output", "error", "seconds", "memory", "worker", "figures",
     "warnings"}
    state    waiting -> running -> done | failed | stopped (by Ctrl-C or --fail-fast; it goes on when repeated)

The last record of a scene counts. A shard writes a file of its own (state-2-of-8.jsonl) and reads all, so that the page
of each shows all of them. A line that cannot be read, as a crash may leave it, is passed over.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Literal, get_args

from splatseg.errors import OutputError, unwritten
from splatseg.untrusted.documents import DocumentError, Field, parse_json

State = Literal["waiting", "running", "done", "failed", "stopped"]

Figures = Mapping[str, float | int | str | bool]


@dataclass(frozen=True)
class Record:
    """The state of one scene."""

    scene: str
    """Its name."""
    state: State
    """The state itself."""
    do: str = "train"
    """The command that is done to it."""
    options: tuple[str, ...] = ()
    """All that decides the result (`task.Task`)."""
    command: str = ""
    """The command line that does the same for this scene alone."""
    output: str = ""
    """Path of what is made; empty for nothing that is shown."""
    error: str = ""
    """The sentence of a failure."""
    seconds: float = 0.0
    """Seconds that it took."""
    memory: int = 0
    """Highest resident memory of its worker, in bytes."""
    worker: str = ""
    """Name of its worker."""
    figures: Figures = field(default_factory=dict)
    """Figures of the summary by name."""
    warnings: tuple[str, ...] = ()
    """Warnings of the job."""
    at: str = ""
    """Time at which it was written, UTC, to the millisecond."""


def now() -> str:
    """Return the time as records hold it; later times are later in the alphabet."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Records:
    """The latest record of every scene and command in OUT/batch, read from all states; new ones go into one of them.

    Attributes:
        latest: By (command, scene), in the order in which they were first told of.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Read all states in a folder. name: that of the state to write."""
        self.latest: dict[tuple[str, str], Record] = {}
        self._folder, self._path = folder, folder / f"{name}.jsonl"
        self._read: dict[Path, int] = {}
        self.read()

    def read(self) -> None:
        """Read what was written since the last time, by anyone."""
        for path in sorted(self._folder.glob("state*.jsonl")):
            try:
                with path.open("rb") as file:
                    file.seek(self._read.get(path, 0))
                    whole, _, _ = file.read().rpartition(b"\n")
            except OSError:
                continue
            self._read[path] = self._read.get(path, 0) + len(whole) + bool(whole)
            for line in whole.split(b"\n"):
                record = _record(line)
                if record is not None:
                    self._take(record)

    def append(self, *records: Record) -> None:
        """Write records. Raises OutputError, and leaves no half line, if that cannot be done."""
        stamped = [dataclasses.replace(record, at=now()) for record in records]
        text = b"".join(json.dumps(dataclasses.asdict(record)).encode() + b"\n" for record in stamped)
        try:
            with self._path.open("ab+", buffering=0) as file:
                _append(file, text)
        except OSError as error:
            raise OutputError(unwritten(self._path, error)) from None
        for record in stamped:
            self._take(record)

    def _take(self, record: Record) -> None:
        key = (record.do, record.scene)
        if key not in self.latest or self.latest[key].at <= record.at:
            self.latest[key] = record


def _append(file: FileIO, text: bytes) -> None:
    """Append to a file all of the text or none of it. A line that a crash cut short does not swallow it."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        text = text if file.read(1) == b"\n" else b"\n" + text
    try:
        while text:
            text = text[file.write(text) :]
    except OSError:
        file.truncate(end)
        raise


def _record(line: bytes) -> Record | None:
    """Return the record in a line; None for one that is damaged, or not ours."""
    try:
        row = parse_json(line.decode("utf-8"))
        return Record(
            scene=row["scene"].text(),
            state=row["state"].choice(get_args(State)),
            do=row["do"].text(),
            options=tuple(each.text() for each in row["options"].items()),
            command=row["command"].text(),
            output=row["output"].text(),
            error=row["error"].text(),
            seconds=row["seconds"].number(0),
            memory=row["memory"].whole(0),
            worker=row["worker"].text(),
            figures={name: _figure(each) for name, each in row["figures"].entries().items()},
            warnings=tuple(each.text() for each in row["warnings"].items()),
            at=row["at"].text(),
        )
    except (UnicodeDecodeError, DocumentError):
        return None


def _figure(value: Field) -> Any:
    found = value.plain()
    if not isinstance(found, bool | int | float | str):
        raise value.wrong("a figure")
    return found
