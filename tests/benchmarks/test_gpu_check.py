"""The check for machines with a card, tried on the processor: every operation runs, and an error is a result."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import gpu_check
import pytest
import torch

pytestmark = pytest.mark.skipif(importlib.util.find_spec("warp") is None, reason="NVIDIA Warp is not installed")


def test_every_operation_is_timed() -> None:
    scene = gpu_check.random_scene(40)
    where = torch.device("cpu")
    operations = gpu_check.operations(scene, scene.camera, where)
    assert {"prepare", "forward, 3 channels", "forward and backward, 19 channels"} <= operations.keys()
    for name in ("prepare", "forward, 3 channels", "forward and backward, 3 channels"):
        found = gpu_check.timed(operations[name], where, 1)
        assert 0 < found["least"] <= found["median"]


def test_a_part_that_fails_is_told_and_the_next_is_done(tmp_path: Path) -> None:
    report = gpu_check.Report(tmp_path / "gpu.json", minutes=1.0)
    report.part("bad", lambda left: 1 / 0)
    report.part("good", lambda left: round(left) > 0)
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert written == {"bad": "ZeroDivisionError: division by zero", "good": True}


def test_no_part_is_begun_when_the_time_is_over(tmp_path: Path) -> None:
    report = gpu_check.Report(tmp_path / "gpu.json", minutes=0.0)
    report.part("late", lambda left: pytest.fail("it was begun"))
    assert report.found == {"late": "not done: the time was over"}
