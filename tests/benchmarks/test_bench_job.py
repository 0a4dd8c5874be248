"""The benchmark of the whole job runs two checkouts and prints their ratio."""

from __future__ import annotations

from pathlib import Path

import bench_job
import pytest

import splatseg
from splatseg.demo.demo import demo_capture

ROOT = Path(splatseg.__file__).resolve().parents[1]


@pytest.mark.slow
def test_two_checkouts_run_in_turn_and_their_ratio_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = demo_capture()
    arguments = [str(data), "--work", str(tmp_path), "--masks", str(data / "masks"), "--click", "012.jpg:11,18"]
    arguments += ["--beside", f"before={ROOT}", "--rounds", "1", "--downscale", "8", "--iterations", "20"]
    monkeypatch.setattr("sys.argv", ["bench_job.py", *arguments])
    bench_job.main()
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in capsys.readouterr().out.splitlines()}
    assert {"--help, wall", "train, MB", "select, processor", "train: geometry", "whole job"} <= set(rows)
    assert float(rows["whole job"][3].split(",")[0]) > 0


def test_a_command_that_fails_ends_the_benchmark_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"info .*nowhere ended with 2: .*there is nothing at"):
        bench_job.measured(ROOT, ["info", str(tmp_path / "nowhere")], 1)
