"""metrics.jsonl: progress, timings and warnings of a run, an object a line, as the jobs of splatseg append them.

It is a log: a line that cannot be read is left out and told, and never stops a job.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splatseg.files import errors_name
from splatseg.run.settings_file import to_plain
from splatseg.untrusted.documents import DocumentError, parse_json
from splatseg.untrusted.memory import Guard

LINE = 64
"""Bytes that a byte of the file takes: a line is at least an empty object and its place in a list."""


@dataclass(frozen=True)
class Metrics:
    """The lines of a metrics.jsonl that can be read."""

    rows: tuple[dict[str, Any], ...] = ()
    """Facts of each line. `timing` and `warning` are texts, `seconds` is a number from 0."""
    troubles: tuple[str, ...] = ()
    """A sentence on what was left out; empty if nothing was."""


def append_metrics(path: Path, facts: Mapping[str, Any]) -> None:
    """Append the facts as a line."""
    with errors_name(path), path.open("ab+") as file:
        # A line that a crash cut short must not swallow this one.
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(to_plain(facts)).encode() + b"\n")


def read_metrics(path: Path) -> Metrics:
    """Read the lines of a file; there are none without it. A last line that a crash cut short is left out silently."""
    try:
        length = path.stat().st_size
        Guard(DocumentError, "it", length).check(f"{length:,} bytes", LINE * length)
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Metrics()
    except OSError as error:
        return Metrics(troubles=(f"{path} cannot be read ({error.strerror}) and is left out",))
    except DocumentError as error:
        return Metrics(troubles=(f"{path} cannot be read ({error}) and is left out",))
    rows, faults = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(_row(line))
        except (UnicodeDecodeError, DocumentError) as error:
            reason = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            if number < len(lines) or not line.startswith(b"{"):
                faults.append(f"line {number}: {reason}")
    if not faults:
        return Metrics(tuple(rows))
    count = f"{len(faults)} of its {len(faults) + len(rows)} lines" if rows else "its lines"
    return Metrics(tuple(rows), (f"{path} cannot be read as a whole ({faults[0]}); {count} are left out",))


def _row(line: bytes) -> dict[str, Any]:
    field = parse_json(line.decode("utf-8"))
    for name in ("timing", "warning"):
        if name in field.entries():
            field[name].text()
    if "timing" in field.entries():
        field["seconds"].number(0)
    row: dict[str, Any] = field.plain()
    return row
