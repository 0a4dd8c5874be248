"""The kernels without Python: as a program for this processor, and for aarch64 under an emulator where there is one.

The suite runs all SIMD levels of the processor it is on; other processors are reached only so.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def _needed(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def _built(folder: Path, *options: str) -> Path:
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-DSPLATSEG_TEST_PROGRAM=ON", *options]
    for command in (configure, ["cmake", "--build", str(folder), "--parallel", "2"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "splatseg_agreement"


def _assert_agreement(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "forward" in done.stdout


def test_the_kernels_agree_with_their_definition_without_python(tmp_path: Path) -> None:
    _needed("cmake", "c++")
    _assert_agreement(str(_built(tmp_path)))


def test_the_kernels_agree_with_their_definition_on_aarch64(tmp_path: Path) -> None:
    _needed("cmake", "aarch64-linux-gnu-g++", "qemu-aarch64")
    program = _built(
        tmp_path,
        "-DCMAKE_SYSTEM_NAME=Linux",
        "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
    )
    _assert_agreement("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", str(program))
