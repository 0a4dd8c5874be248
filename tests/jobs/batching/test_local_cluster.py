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
FIT = ["--downscale", "4", "--iterations", "200", "--masks", str(demo_capture() / "masks")]
SAME = ("splats.ply", "segments.json", "votes.safetensors", "hierarchy.safetensors", "masks/000.png", "cameras.json")


def started(folder: Path, *scenes: str) -> tuple[list[str], subprocess.Popen[bytes]]:
    """A batch on two workers, with a scene a line."""
    (folder / "list.txt").write_text("".join(f"{demo_capture()} {scene}\n" for scene in scenes))
    command = ["batch", str(folder / "list.txt"), "-o", str(folder / "out"), "--workers", "2", "--", *FIT]
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


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    _, process = started(tmp_path, "--name a", "--name b --seed 1", "--name c --seed 2")
    os.kill(wait_for_step(tmp_path / "out" / "a", process), signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert b"was lost (its process or machine ended); its work is done again" in said
    records = Records(tmp_path / "out" / "batch", "state").latest
    assert {record.state for record in records.values()} == {"done"}
    for name, seed in (("a", "0"), ("c", "2")):
        alone = tmp_path / "alone" / name
        assert run(["train", str(demo_capture()), "-o", str(alone), *FIT, "--seed", seed]) == 0
        for file in SAME:
            assert (tmp_path / "out" / name / file).read_bytes() == (alone / file).read_bytes(), file


def test_ctrl_c_stops_both_workers_at_their_checkpoints(tmp_path: Path) -> None:
    command, process = started(tmp_path, "--name a", "--name b --seed 1", "--name c --seed 2")
    wait_for_step(tmp_path / "out" / "a", process)
    wait_for_step(tmp_path / "out" / "b", process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert b"stopping where it can go on" in said and b"what was finished is kept" in said
    records = Records(tmp_path / "out" / "batch", "state").latest
    states = {scene: record.state for (_, scene), record in records.items()}
    assert states == {"a": "stopped", "b": "stopped", "c": "waiting"}
    assert list((tmp_path / "out" / "a" / "checkpoint").iterdir()) and not (tmp_path / "out" / "c").exists()
    assert run(command) == 0
    alone = tmp_path / "alone"
    assert run(["train", str(demo_capture()), "-o", str(alone), *FIT]) == 0
    assert (tmp_path / "out" / "a" / "splats.ply").read_bytes() == (alone / "splats.ply").read_bytes()
