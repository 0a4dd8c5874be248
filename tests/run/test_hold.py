"""A run is written by one process at a time, and whoever is refused is told by whom it is held."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import viewer_scenes

import splatseg
from splatseg.errors import RunError
from splatseg.jobs.segment import regroup_run
from splatseg.run.folder import LOCK, Run
from splatseg.run.hold import HeldError, held, take_hold

CHILD = """
import sys
from pathlib import Path
from splatseg.run.hold import take_hold
take_hold(Path(sys.argv[1]), "splatseg view").tell("http://localhost:8080")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a run until it is killed."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-P", "-c", CHILD, str(folder)], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_who_holds_a_run_is_told_and_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path) as process:
        with pytest.raises(HeldError) as refused:
            take_hold(tmp_path, "splatseg segment")
        told = rf"{tmp_path} is open in splatseg view \(process {process.pid}, since \d\d:\d\d, .*, http://localhost:8080\)"
        assert re.fullmatch(rf"{told}; end that first", str(refused.value))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert (tmp_path / LOCK).exists(), "its file stays and says nothing"
    take_hold(tmp_path, "splatseg segment").release()
    assert not (tmp_path / LOCK).exists()


def test_two_parts_of_one_process_do_not_hold_a_run_at_once(tmp_path: Path) -> None:
    with held(tmp_path, "splatseg train"), pytest.raises(HeldError, match="open in this very process, splatseg train"):
        take_hold(tmp_path, "splatseg view")
    take_hold(tmp_path, "splatseg view").release()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"doing": 5}', b'{"doing": "a\\u0007b", "process": -1}'])
def test_a_file_that_says_nothing_sensible_is_of_another_program(tmp_path: Path, content: bytes) -> None:
    hold = take_hold(tmp_path, "splatseg view")
    (tmp_path / LOCK).write_bytes(content)
    with pytest.raises(HeldError, match="is open in another program; end that first"):
        take_hold(tmp_path, "splatseg view")
    hold.release()
    hold.release()


def test_a_folder_that_cannot_be_written_is_not_held(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HeldError, match=r"cannot be written \(.*\); change its rights or copy it"):
        take_hold(tmp_path, "splatseg view")
    assert not (tmp_path / "elsewhere").exists(), "a link leads nowhere"


def test_jobs_that_exchange_segments_are_refused_while_a_viewer_has_the_run(tmp_path: Path) -> None:
    run, _ = viewer_scenes.run(tmp_path)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    jobs = {
        "segment": lambda: splatseg.segment_run(run),
        "regroup": lambda: regroup_run(run, 0.2),
        "train": lambda: splatseg.train_run(run),
        "overwrite": lambda: splatseg.start_run(run.path, _quick(run), overwrite=True),
        "rename": lambda: splatseg.describe_run(run, "no model is loaded", rename=True),
    }
    with held(run.path, "splatseg view"):
        for name, job in jobs.items():
            with pytest.raises(RunError, match="open in this very process, splatseg view"):
                job()
            assert before == {path.name: path.read_bytes() for path in run.path.iterdir() if path.name != LOCK}, name


def _quick(run: Run) -> splatseg.RunSettings:
    return splatseg.RunSettings.of(run.settings.capture, iterations=20)
