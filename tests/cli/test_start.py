"""The command line starts fast: a help text loads nothing of what commands compute with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from splatseg.demo.demo import demo_capture

DEMO = demo_capture()

HEAVY = ("torch", "scipy", "skimage", "transformers", "viser", "splatseg._native")

COMMANDS = [
    "demo",
    "masks",
    "train",
    "segment",
    "refine",
    "words",
    "select",
    "render",
    "evaluate",
    "export",
    "view",
    "info",
    "check",
    "capture",
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_a_help_text_loads_no_heavy_library(command: str) -> None:
    code = (
        "import sys\nfrom splatseg.cli.main import run\n"
        f"try: run({[*filter(None, [command]), '--help']!r})\nexcept SystemExit: pass\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("loaded: []"), done.stdout[-300:]
    assert "usage: splatseg" in done.stdout


def test_facts_of_a_capture_need_no_heavy_library() -> None:
    code = (
        "import sys\nfrom splatseg.cli.main import run\n"
        f"run(['info', {str(DEMO)!r}])\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert "64 (56 train, 8 test)" in done.stdout
    assert done.stdout.strip().endswith("loaded: []"), done.stdout[-300:]
