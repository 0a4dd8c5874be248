"""Reading and writing .spz, and reading .sog and .ksplat, by the library gaussforge (extra `formats`).

Undocumented behaviour of gaussforge 0.6 that these functions correct:

* .spz has y up and z backward, .ply y down and z forward; it copies the numbers. We turn the splat before and after.
* It prints, and a damaged .sog can crash it. It runs in a process of its own, where neither does harm.
* Opacities of 8 bits are often exactly 0 or 1, and become infinite logits.
* Its compressed PLY mixes up the harmonics, and its .sog takes minutes for many of them: `compressed_ply` and `sog` are
  our own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from splatseg.errors import OutputError, SplatFileError
from splatseg.files import atomic_write
from splatseg.formats.half_turn import half_turn
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.splats.activations import to_opacity_logits
from splatseg.splats.splats import Splats

INSTALL = 'pip install "splatseg[formats]"'
LARGEST_LOGIT = float(to_opacity_logits(torch.ones(())))
"""Opacity logits are clamped to +- this."""

CONVERT = """
import sys
library, source, result, source_kind, result_kind = sys.argv[1:]
sys.path.append(library)
import gaussforge
with open(source, "rb") as file:
    done = gaussforge.GaussForge().convert(file.read(), source_kind, result_kind)
with open(result, "wb") as file:
    file.write(done["error"].encode() if "error" in done else done["data"])
sys.exit(3 if "error" in done else 0)
"""
"""Program of the other process. It exits with 3 if the result file holds an error message instead."""


def read_spz(path: Path) -> Splats:
    """Read a .spz of versions 2 to 4. Raises SplatFileError if it is damaged or gaussforge is missing."""
    return half_turn(_read(Path(path), "spz"), 0)


def read_sog(path: Path) -> Splats:
    """Read a .sog (one file). Raises SplatFileError if it is damaged or gaussforge is missing."""
    return _read(Path(path), "sog")


def read_ksplat(path: Path) -> Splats:
    """Read a .ksplat. Raises SplatFileError if it is damaged or gaussforge is missing."""
    return _read(Path(path), "ksplat")


def write_spz(path: Path, splats: Splats) -> None:
    """Write a .spz of version 3, atomically: 24 bits a coordinate, 8 a colour and scale, 4 or 5 a harmonic.

    Raises OutputError if gaussforge is missing or refuses.
    """
    library = _library()
    if library is None:
        raise OutputError(f"writing {path} needs gaussforge; install it with {INSTALL}")
    with TemporaryDirectory() as folder:
        source, result = Path(folder) / "splat.ply", Path(folder) / "splat.spz"
        write_ply(source, half_turn(splats, 0).plain())
        failure = _convert(library, source, result, "ply", "spz")
        if failure:
            raise OutputError(f"{path} was not written: gaussforge says {failure}; use another format")
        with atomic_write(Path(path)) as file:
            file.write(result.read_bytes())


def _read(path: Path, kind: str) -> Splats:
    """Convert a file to .ply and read that. Raises SplatFileError if it is damaged or gaussforge is missing."""
    library = _library()
    if library is None:
        raise SplatFileError(f"reading {path} needs gaussforge; install it with {INSTALL}")
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise SplatFileError(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise SplatFileError(f"{path} cannot be read ({error.strerror}); give a .{kind} file") from None
    with TemporaryDirectory() as folder:
        # It keeps the name of the file, for messages about the .ply.
        result = Path(folder) / f"{path.name}.ply"
        failure = _convert(library, path, result, kind, "ply")
        if failure:
            raise SplatFileError(f"{path} is not a whole .{kind} file ({failure}); export or copy it again")
        splats = read_ply(result)
    return splats.replace(opacity_logits=splats.opacity_logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT))


def _convert(library: Path, source: Path, result: Path, source_kind: str, result_kind: str) -> str:
    """Convert a file into another. Return the error in words, or an empty text."""
    command = [sys.executable, "-I", "-c", CONVERT, str(library), str(source), str(result), source_kind, result_kind]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode == 3:
        return result.read_text(encoding="utf-8", errors="replace")
    if done.returncode != 0:
        return f"gaussforge ended with code {done.returncode}"
    with result.open("rb") as file:
        # For some damaged files it writes an empty result, without an error.
        return "" if result_kind != "ply" or file.read(3) == b"ply" else "nothing in it"


def _library() -> Path | None:
    """Return the folder that contains gaussforge; None if it is not installed."""
    try:
        import gaussforge  # noqa: PLC0415 (an extra)
    except ImportError:
        return None
    return Path(gaussforge.__file__).parents[1]
