"""Commands that are killed and run again give the files of those that were not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")]

KILLS = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.mark.parametrize(
    ("command", "signals"),
    [("train", ["KILL"]), ("select", ["TERM"]), ("export .splat", ["KILL"]), ("render film.mp4", ["INT", "INT"])],
)
def test_killed_commands_end_as_undisturbed_ones(tmp_path: Path, command: str, signals: list[str]) -> None:
    options = ["--trials", "3", "--command", command, "--signal", *signals, "-o", str(tmp_path / "kills")]
    done = subprocess.run([sys.executable, str(KILLS), *options], capture_output=True, text=True, check=True)
    trials, hit, *faults = (int(value) for value in done.stdout.strip().splitlines()[-1].split("|")[2:-1])
    assert trials >= 3 and hit > 0
    assert faults == [0, 0, 0, 0], done.stdout
