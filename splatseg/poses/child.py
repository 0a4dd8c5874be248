"""The child process of pycolmap: told what to do, heard, asked through its database how far it is, and ended.

What it finished stays in the database, so work that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import queue
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import quote

from splatseg.errors import BackendError, CaptureError
from splatseg.untrusted.documents import parse_json

INSTALL = 'pip install "splatseg[poses]"'

COUNTS = {"features": "SELECT COUNT(*) FROM keypoints", "matches": "SELECT COUNT(*) FROM two_view_geometries"}
"""Questions to the database that tell how far a stage is."""

EVERY = 0.5
"""Seconds between two looks at it."""


class OnProgress(Protocol):
    """Is told how far a stage is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` of a stage are finished."""


def has_pycolmap() -> bool:
    """Tell whether pycolmap is installed."""
    return find_spec("pycolmap") is not None


def require_pycolmap() -> None:
    """Raise BackendError unless pycolmap is installed."""
    if not has_pycolmap():
        raise BackendError(f"poses need pycolmap; install it with: {INSTALL}")


def run_child(task: dict[str, Any], log: Path, on_progress: OnProgress) -> dict[str, Any]:
    """Run `poses.worker` on a task and return its answer. Raises CaptureError if it ends without one.

    log: file to which what COLMAP says is added.
    """
    answer: dict[str, Any] | None = None
    with log.open("ab") as said:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "splatseg.poses.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            encoding="utf-8",
            # Ctrl-C is for this process, which ends the child.
            start_new_session=True,
        )
        try:
            assert child.stdin is not None and child.stdout is not None
            with suppress(BrokenPipeError):
                json.dump(task, child.stdin)
                child.stdin.close()
            for facts in _heard(child.stdout, Path(task["database"])):
                if "stage" in facts:
                    on_progress(facts["stage"], facts["done"], facts["total"])
                elif facts:
                    answer = facts
            code = child.wait()
        finally:
            child.kill()
            child.wait()
    if answer is None:
        raise CaptureError(f"COLMAP ended with code {code} before it was done; what it said is in {log}")
    return answer


def _heard(stream: IO[str], database: Path) -> Iterator[dict[str, Any]]:
    """Yield what the child says, and between its lines how far its stage is, as the database tells."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    stage: dict[str, Any] = {}
    while True:
        try:
            line = lines.get(timeout=EVERY)
        except queue.Empty:
            question = COUNTS.get(stage.get("stage", ""))
            if question is not None and (count := _count(database, question)) is not None:
                yield stage | {"done": min(count, stage["total"])}
            continue
        if line is None:
            return
        facts = parse_json(line).plain() if line.startswith("{") else {}
        stage = facts if "stage" in facts else stage
        yield facts


def _count(database: Path, question: str) -> int | None:
    """Return the answer of a database that another process writes; None while it cannot be read."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, timeout=0.1)) as connection,
    ):
        return int(connection.execute(question).fetchone()[0])
    return None
