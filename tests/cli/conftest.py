"""One small run for all tests of the commands: the embedded capture at 80x60, fitted for a few steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run folder. Tests must not change it."""
    folder = tmp_path_factory.mktemp("small") / "run"
    capture = demo_capture()
    arguments = ["train", str(capture), "-o", str(folder), "--masks", str(capture / "masks")]
    code = run([*arguments, "--downscale", "4", "--iterations", "120"])
    assert code == 0
    return folder
