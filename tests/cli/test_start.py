"""The command line starts fast: no command loads a library that it does not use. Imports are counted, no clock."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_mistakes import MISTAKES
from scenes import colorful_splats

from splatseg.demo.demo import demo_capture
from splatseg.formats.gaussforge import write_spz
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.sog import write_sog
from splatseg.formats.write import write_splats

DEMO = demo_capture()

HEAVY = (
    *("torch", "scipy", "scipy.sparse", "scipy.spatial", "scipy.stats", "scipy.optimize", "scipy.interpolate"),
    *("scipy.ndimage", "skimage", "transformers", "viser", "networkx", "splatseg._native", "dask", "distributed"),
)
"""Libraries that take a tenth of a second or more, torch one or two."""

TORCH = {"torch", "splatseg._native"}
VOTES = TORCH | {"scipy", "scipy.sparse"}
FIGURES = VOTES | {"scipy.ndimage"}
SEARCHES = FIGURES | {"scipy.spatial"}
SPLINES = TORCH | {"scipy", "scipy.sparse", "scipy.spatial", "scipy.interpolate", "scipy.optimize"}

WORK = {
    "render": (["{run}", "-o", "{new}", "--what", "rgb", "--split", "test"], TORCH),
    "film": (["{run}", "-o", "{new}", "--what", "rgb", "--path", "capture", "--seconds", "0.1"], SPLINES),
    "export": (["{run}", "-o", "{new}.splat"], TORCH),
    "select": (["{run}", "-o", "{new}", "--view", "012.jpg", "--click", "11,18"], VOTES),
    "evaluate": (["{copy}", "--gt", f"{DEMO}/gt/instance"], FIGURES),
    "segment": (["{copy}", "--granularity", "0.4"], SEARCHES),
    "check": ([str(DEMO), "--masks", f"{DEMO}/masks"], FIGURES),
}
"""Commands at work, and all that each may load of `HEAVY`."""


def loaded(arguments: list[str], extra: tuple[str, ...] = ()) -> tuple[set[str], str]:
    """Run one command in a process of its own; return what it loaded of HEAVY, and what it printed."""
    code = (
        "import sys\nfrom splatseg.cli.main import run\n"
        "try: run(sys.argv[1:])\nexcept SystemExit: pass\n"
        f"print('loaded:', *[name for name in {(*HEAVY, *extra)!r} if name in sys.modules])"
    )
    command = [sys.executable, "-P", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *printed, last = done.stdout.splitlines()
    return set(last.split()[1:]), "\n".join(printed) + done.stderr


@pytest.mark.parametrize("command", ["", *MISTAKES])
def test_a_help_text_loads_no_heavy_library(command: str) -> None:
    found, printed = loaded([*filter(None, [command]), "--help"], extra=("numpy", "PIL", "yaml"))
    assert found == set(), printed
    assert "usage: splatseg" in printed


def test_version_and_completion_load_no_heavy_library() -> None:
    assert loaded(["--version"], extra=("numpy",))[0] == set()
    found, script = loaded(["--tyro-print-completion", "bash"])
    assert found == set()
    assert "complete" in script


@pytest.mark.parametrize("command", MISTAKES)
def test_errors_of_the_command_line_load_no_heavy_library(command: str, tmp_path: Path) -> None:
    found, printed = loaded([command, "--no-such-option"])
    assert found == set()
    assert "--no-such-option" in printed or "issing" in printed
    (tmp_path / "file").touch()
    places = {name: str(tmp_path / name) for name in ("nowhere", "new", "file")}
    found, printed = loaded([command, *(text.format(**places) for text in MISTAKES[command])])
    assert "error: " in printed
    assert found == set(), printed
    assert not (tmp_path / "new").exists()


def test_facts_of_a_capture_need_no_heavy_library() -> None:
    found, printed = loaded(["info", str(DEMO)])
    assert "64 (56 train, 8 test)" in printed
    assert found == set()


@pytest.mark.parametrize("suffix", ["ply", "compressed.ply", "splat", "spz", "sog", "alpha.ply"])
def test_facts_of_a_splat_need_no_heavy_library(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    splats = colorful_splats(count=120)
    if suffix == "spz":
        write_spz(path, splats)
    elif suffix == "sog":
        write_sog(path, splats)
    elif suffix == "alpha.ply":  # opacities themselves, from which torch would make logits
        write_ply(path, splats.replace(opacity_logits=splats.opacities))
        path.write_bytes(path.read_bytes().replace(b"float opacity\n", b"float alpha\n"))
    else:
        write_splats(path, splats)
    found, printed = loaded(["info", str(path)])
    assert "120" in printed
    assert found == set()


def test_facts_of_a_run_need_no_heavy_library(small_run: Path) -> None:
    found, printed = loaded(["info", str(small_run)])
    assert "report" in printed
    assert found == set()


@pytest.mark.parametrize("name", WORK)
def test_a_command_at_work_loads_what_it_uses_and_no_more(name: str, small_run: Path, tmp_path: Path) -> None:
    arguments, allowed = WORK[name]
    copy = tmp_path / "copy"
    if "{copy}" in arguments:
        shutil.copytree(small_run, copy)
    places = {"run": str(small_run), "copy": str(copy), "new": str(tmp_path / "new")}
    found, printed = loaded(["render" if name == "film" else name, *(text.format(**places) for text in arguments)])
    assert "error" not in printed
    assert "torch" in found
    assert found <= allowed, printed
