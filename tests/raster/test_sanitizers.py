"""The native code under sanitizers: its programs, and the extension in the tests of this folder and in malformed calls.

ThreadSanitizer has only the programs, which call from several threads at once as Python threads do: Python and torch
are not built with it, and what they do with threads would be reported.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from splatseg import _native

ROOT = Path(__file__).resolve().parents[2]

OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:abort_on_error=0",  # Python leaks at its end
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1",
}

pytestmark = [
    pytest.mark.sanitize,
    pytest.mark.skipif(sys.platform != "linux", reason="written for the sanitizers of GCC on Linux"),
    pytest.mark.skipif(not shutil.which("cmake") or not shutil.which("g++"), reason="needs cmake and g++"),
]

WITHOUT_HOOKS = """import sys
sys.meta_path = [f for f in sys.meta_path if not type(f).__name__.startswith(("Scikit", "_Editable"))]
"""
"""Of an editable installation, which would find the extension that is not sanitized."""


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **OPTIONS, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout + done.stderr)[-8000:]
    assert done.returncode == 0, said
    assert not re.search(r"runtime error|ERROR: \w+Sanitizer|WARNING: ThreadSanitizer", said), said
    return said


def build(folder: Path, sanitizers: str, *options: str) -> Path:
    compilers = ["-DCMAKE_CXX_COMPILER=g++", f"-DPython_EXECUTABLE={sys.executable}"]
    run("cmake", "-S", ROOT, "-B", folder, f"-DSPLATSEG_SANITIZE={sanitizers}", *compilers, *options)
    run("cmake", "--build", folder, "--parallel", str(len(os.sched_getaffinity(0))))
    return folder


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_the_programs_are_clean_at_every_simd_level(tmp_path: Path, sanitizers: str) -> None:
    folder = build(tmp_path, sanitizers, "-DSPLATSEG_TEST_PROGRAM=ON")
    for program in ("splatseg_agreement", "splatseg_at_once"):
        said = run(folder / program)
        assert all(re.search(rf"^{level} .*ok$", said, re.MULTILINE) for level in _native.simd_levels()), said


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, its extension sanitized."""
    folder = tmp_path_factory.mktemp("sanitized")
    built = build(folder / "build", "address,undefined")
    shutil.copytree(ROOT / "splatseg", folder / "splatseg", ignore=shutil.ignore_patterns("_native*.so", "__pycache__"))
    for extension in built.glob("_native*.so"):
        shutil.copy(extension, folder / "splatseg")
    (folder / "sitecustomize.py").write_text(WITHOUT_HOOKS)
    return folder


def preloaded(package: Path, level: str) -> dict[str, str]:
    libraries = [
        subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libstdc++.so")  # the sanitizer looks for what throws when it starts
    ]
    return {"LD_PRELOAD": " ".join(libraries), "PYTHONPATH": str(package), "SPLATSEG_SIMD": level}


@pytest.mark.parametrize("level", _native.simd_levels())
def test_the_extension_is_clean_in_the_tests_of_this_folder_and_in_malformed_calls(package: Path, level: str) -> None:
    environment = preloaded(package, level)
    said = run(sys.executable, "-P", "-c", "from splatseg import _native; print(_native.__file__)", **environment)
    assert str(package) in said
    tests = ["-c", ROOT / "pyproject.toml", f"--rootdir={ROOT}", "-q", "-x", "-p", "no:cacheprovider"]
    run(sys.executable, "-P", "-m", "pytest", *tests, ROOT / "tests" / "raster", **environment)
    run(sys.executable, ROOT / "benchmarks" / "fuzz_native.py", "--calls", "3000", "--seed", "2", **environment)
