"""A scheduler and workers of Dask as processes of their own, as `dask scheduler` and `dask worker` start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TESTS = str(Path(__file__).parent)


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """A scheduler, whose address is given."""
    file = folder / "scheduler.json"
    with running("dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)) as process:
        while not file.exists() or not file.read_text():
            assert process.poll() is None, "the scheduler ended"
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"]


@contextmanager
def worker(address: str, name: str, folder: Path, *options: str, found_first: Sequence[Path] = ()) -> Iterator[None]:
    """A worker of a scheduler. found_first: folders in which it finds modules before others."""
    arguments = [address, "--name", name, "--local-directory", str(folder / name), "--no-dashboard", *options]
    with running("dask_worker", "--host", "127.0.0.1", *arguments, found_first=found_first):
        yield


@contextmanager
def running(module: str, *arguments: str, found_first: Sequence[Path] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Dask; it is ended as people end it."""
    local = ["--host", "127.0.0.1"] if module == "dask_scheduler" else []
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", f"distributed.cli.{module}", *local, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, found_first), TESTS, *filter(None, sys.path)])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def other_version(folder: Path, version: str) -> Path:
    """A folder that makes a process that finds modules in it first take splatseg for that version."""
    metadata = folder / f"splatseg-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: splatseg\nVersion: {version}\n")
    return folder


@contextmanager
def script(text: str, *arguments: str, found_first: Path, writes: Path | None = None) -> Iterator[str]:
    """A script of bash that starts a scheduler or workers; given is the address in the scheduler's file.

    found_first: folder of programs that it finds before others. writes: that file, of a scheduler.
    """
    path = os.pathsep.join([TESTS, *filter(None, sys.path)])
    process = subprocess.Popen(
        ["bash", "-c", text, "bash", *arguments],
        env=os.environ | {"PATH": f"{found_first}:{os.environ['PATH']}", "PYTHONPATH": path},
        cwd=found_first,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while writes is not None and (not writes.exists() or not writes.read_text()):
            assert process.poll() is None, "the scheduler ended"
            time.sleep(0.05)
        yield json.loads(writes.read_text())["address"] if writes is not None else ""
    finally:
        process.terminate()
        process.wait()
