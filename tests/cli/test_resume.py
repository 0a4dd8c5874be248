"""Ctrl-C loses nothing, and what is resumed is what would have been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture

pytestmark = pytest.mark.slow

STEPS = 200


def _arguments(folder: Path, *more: str) -> list[str]:
    fit = ["train", str(demo_capture()), "-o", str(folder), "--downscale", "4", "--iterations", str(STEPS)]
    return [*fit, *more]


def test_the_same_command_twice_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(_arguments(tmp_path / name)) == 0
    assert (tmp_path / "one" / "splats.ply").read_bytes() == (tmp_path / "two" / "splats.ply").read_bytes()


def test_another_seed_gives_another_file(tmp_path: Path) -> None:
    for seed in ("0", "1"):
        assert run(_arguments(tmp_path / seed, "--seed", seed)) == 0
    assert (tmp_path / "0" / "splats.ply").read_bytes() != (tmp_path / "1" / "splats.ply").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent otherwise on Windows")
def test_an_interrupted_fit_resumes_to_the_bit(tmp_path: Path) -> None:
    script = "import sys; from splatseg.cli.main import run; sys.exit(run(sys.argv[1:]))"
    stopped = tmp_path / "stopped"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", script, *_arguments(stopped)], stderr=subprocess.PIPE, env=os.environ.copy()
    )
    metrics = stopped / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and '"step": 30' in metrics.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert b"stopped; what was finished is kept" in said
    assert not (stopped / "splats.ply").exists()

    assert run(_arguments(stopped, "--resume")) == 0
    assert run(_arguments(tmp_path / "straight")) == 0
    assert (stopped / "splats.ply").read_bytes() == (tmp_path / "straight" / "splats.ply").read_bytes()
