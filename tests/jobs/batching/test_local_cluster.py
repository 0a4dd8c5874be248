"""A batch on two real workers: one is killed in the middle, and nothing differs from runs by themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.jobs.batching.records import Records

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")]

SCRIPT = "import sys; from splatseg.cli.main import run; sys.exit(run(sys.argv[1:]))"
SAME = ("splats.ply", "segments.json", "votes.safetensors", "hierarchy.safetensors", "masks/000.png", "cameras.json")


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options of a fit that takes a quarter of the views, and long enough to be found in it."""
    folder = tmp_path_factory.mktemp("views")
    names = sorted(path.name for path in (demo_capture() / "images").iterdir())
    (folder / "train.txt").write_text("\n".join(names[1::4]))
    (folder / "test.txt").write_text(names[0])
    views = ["--train-views", str(folder / "train.txt"), "--test-views", str(folder / "test.txt")]
    return ["--downscale", "4", "--iterations", "200", "--masks", str(demo_capture() / "masks"), *views]


@pytest.fixture(scope="module")
def alone(fit: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the first scene, made by itself."""
    folder = tmp_path_factory.mktemp("alone") / "out" / "a"  # as deep as in a batch: a path in cameras.json is relative
    assert run(["train", str(demo_capture()), "-o", str(folder), *fit]) == 0
    return folder


def started(folder: Path, fit: list[str], *scenes: str) -> tuple[list[str], subprocess.Popen[bytes]]:
    """A batch on two workers, with a scene a line."""
    (folder / "list.txt").write_text("".join(f"{demo_capture()} {scene}\n" for scene in scenes))
    command = ["batch", str(folder / "list.txt"), "-o", str(folder / "out"), "--workers", "2", "--", *fit]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", SCRIPT, *command],
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return command, process


def wait_for_step(run_folder: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait until a run is being fitted, and return the process that does it."""
    metrics = run_folder / "metrics.jsonl"
    while not (metrics.exists() and '"step": 30' in metrics.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return int(json.loads((run_folder / "open.lock").read_text())["process"])


def test_a_killed_worker_loses_nothing(fit: list[str], alone: Path, tmp_path: Path) -> None:
    _, process = started(tmp_path, fit, "--name a", "--name b --seed 1")
    os.kill(wait_for_step(tmp_path / "out" / "a", process), signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert b"was lost (its process or machine ended); its work is done again" in said
    records = Records(tmp_path / "out" / "batch", "state").latest
    assert {record.state for record in records.values()} == {"done"}
    for file in SAME:
        assert (tmp_path / "out" / "a" / file).read_bytes() == (alone / file).read_bytes(), file


def test_ctrl_c_stops_both_workers_at_their_checkpoints(fit: list[str], alone: Path, tmp_path: Path) -> None:
    command, process = started(tmp_path, fit, "--name a", "--name b --seed 1", "--name c --seed 2")
    first = wait_for_step(tmp_path / "out" / "a", process)
    os.kill(first, signal.SIGSTOP)  # or it could end while the second worker is still starting
    wait_for_step(tmp_path / "out" / "b", process)
    os.kill(first, signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert b"stopping where it can go on" in said and b"what was finished is kept" in said
    records = Records(tmp_path / "out" / "batch", "state").latest
    states = {scene: record.state for (_, scene), record in records.items()}
    assert states == {"a": "stopped", "b": "stopped", "c": "waiting"}
    assert list((tmp_path / "out" / "a" / "checkpoint").iterdir()) and not (tmp_path / "out" / "c").exists()
    assert run(command) == 0
    assert (tmp_path / "out" / "a" / "splats.ply").read_bytes() == (alone / "splats.ply").read_bytes()
