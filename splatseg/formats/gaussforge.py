"""Reading and writing .spz, and reading .sog and .ksplat, by the library gaussforge (extra `formats`).

Undocumented behaviour of gaussforge 0.6 that these functions correct:

* .spz has y up and z backward, .ply y down and z forward; it copies the numbers. We turn the splat before and after.
* It prints, and a damaged .sog can crash it. It runs in a process of its own, where neither does harm.
* Opacities of 8 bits are often exactly 0 or 1, and become infinite logits (`formats.read` makes them finite).
* It drops the mark of anti-aliased splats, which is a bit in the header of a .spz and a key in the meta.json of a .sog.
* Its compressed PLY mixes up the harmonics, and its .sog takes minutes for many of them: `compressed_ply` and `sog` are
  our own.
"""

from __future__ import annotations

import dataclasses
import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splatseg.errors import OutputError, SplatFileError
from splatseg.files import atomic_write
from splatseg.formats.ply.meaning import warn_of_antialiasing
from splatseg.formats.ply.ply import read_ply, write_ply
from splatseg.parts import working_folder
from splatseg.splats.half_turn import half_turn
from splatseg.splats.stored import StoredSplats
from splatseg.untrusted.archives import member_of
from splatseg.untrusted.documents import parse_json, read_json
from splatseg.untrusted.memory import Guard, memory_budget
from splatseg.untrusted.paths import names_file, shortened
from splatseg.untrusted.splat_headers import META, check_ksplat, check_sog, check_spz

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats

SPZ_MAGIC, SPZ_HEADER, SPZ_FLAGS = b"NGSP", 16, 14
"""First bytes, size, and byte of the flags of the header of a .spz."""

SECONDS, PER_SECOND = 60, 20_000
"""A conversion may take so many seconds, and one more for so many Gaussians: it needs a hundredth of that."""

ROOM = 1 << 30
"""Bytes of addresses that the other process has besides the memory of its Gaussians: Python and its libraries."""

INSTALL = 'pip install "splatseg[formats]"'
CONVERT = """
import sys
library, source, result, source_kind, result_kind, most = sys.argv[1:]
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(most), int(most)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass  # Windows has no such limits, macOS does not keep them
sys.path.append(library)
import gaussforge
with open(source, "rb") as file:
    done = gaussforge.GaussForge().convert(file.read(), source_kind, result_kind)
with open(result, "wb") as file:
    file.write(done["error"].encode() if "error" in done else done["data"])
sys.exit(3 if "error" in done else 0)
"""
"""Program of the other process. It exits with 3 if the result file holds an error message instead."""


def read_spz(path: Path) -> StoredSplats:
    """Read a .spz of versions 2 to 4. Raises SplatFileError if it is damaged or gaussforge is missing."""
    path = Path(path)
    return _marked(path, half_turn(_read(path, "spz", check_spz), 0), _spz_is_antialiased(path))


def read_sog(path: Path) -> StoredSplats:
    """Read a .sog (one file). Raises SplatFileError if it is damaged or gaussforge is missing."""
    path = Path(path)
    return _marked(path, _read(path, "sog", check_sog), _sog_is_antialiased(path))


def read_sog_folder(path: Path) -> StoredSplats:
    """Read a .sog that is not packed: the meta.json at `path`, with its pictures beside it.

    Raises SplatFileError if that is no SOG, a picture is missing, or as `read_sog`.
    """
    path = Path(path)
    meta = _meta(path)
    names = () if meta is None else _pictures(meta)
    if meta is None or not names:
        raise SplatFileError(f"{path} is not the meta.json of a SOG; give the one that lists its pictures")
    if not isinstance(version := meta.get("version"), int) or version < 2:
        raise SplatFileError(
            f"{path} is a SOG before version 2, which is not read; convert it to .sog or .ply with SuperSplat or "
            "splat-transform"
        )
    absent = [shortened(name) for name in names if not names_file(path.parent / name)]
    if absent:
        raise SplatFileError(
            f"{len(absent)} of {len(names)} pictures that {path} names are absent ({', '.join(absent[:3])}); put them "
            "beside it"
        )
    with working_folder() as folder:
        whole = folder / f"{path.parent.name or 'splat'}.sog"
        with zipfile.ZipFile(whole, "w") as archive:
            for name in ("meta.json", *names):
                archive.write(path.parent / name if name in names else path, name)
        try:
            splats = _read(whole, "sog", check_sog)
        except SplatFileError as error:
            raise SplatFileError(str(error).replace(str(whole), str(path))) from None
        return _marked(path, splats, _sog_is_antialiased(whole))


def sog_pictures(path: Path) -> tuple[str, ...] | None:
    """Return the names of the pictures that a meta.json of a SOG lists; None if the file is something else."""
    meta = _meta(path)
    return None if meta is None else _pictures(meta) or None


def _meta(path: Path) -> dict[str, Any] | None:
    """Return the content of the meta.json of a SOG; None for another file."""
    try:
        content = read_json(path).plain() if path.stat().st_size <= META else None
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "means" in content else None


def _pictures(meta: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the pictures of a meta.json; none if one of them is no plain name of a file."""
    lists = [part["files"] for part in meta.values() if isinstance(part, dict) and isinstance(part.get("files"), list)]
    names = tuple(dict.fromkeys(str(name) for names in lists for name in names))
    plain = all(name == Path(name).name and name not in ("", "meta.json") for name in names)
    return names if plain else ()


def read_ksplat(path: Path) -> StoredSplats:
    """Read a .ksplat. Raises SplatFileError if it is damaged or gaussforge is missing."""
    return _read(Path(path), "ksplat", check_ksplat)


def write_spz(path: Path, splats: Splats) -> None:
    """Write a .spz of version 3, atomically: 24 bits a coordinate, 8 a colour and scale, 4 or 5 a harmonic.

    Raises OutputError if gaussforge is missing or refuses.
    """
    library = _library()
    if library is None:
        raise OutputError(f"writing {path} needs gaussforge; install it with {INSTALL}")
    with working_folder() as folder:
        source, result = folder / "splat.ply", folder / "splat.spz"
        write_ply(source, half_turn(splats, 0).plain(), own=False)
        failure = _convert(library, source, result, "ply", "spz", len(splats), memory_budget())
        if failure:
            raise OutputError(f"{path} was not written: gaussforge says {failure}; use another format")
        with atomic_write(Path(path)) as file:
            file.write(result.read_bytes())


def _marked(path: Path, splats: StoredSplats, antialiased: bool) -> StoredSplats:
    """Return the splat of a file, marked and with a warning if it was fitted for anti-aliased rendering."""
    if antialiased:
        warn_of_antialiasing(path)
    return dataclasses.replace(splats, antialiased=antialiased)


def _spz_is_antialiased(path: Path) -> bool:
    """Tell whether the header of a sound .spz has the bit of anti-aliasing; up to version 3 the file is gzipped."""
    with path.open("rb") as file:
        head = file.read(SPZ_HEADER)
    if not head.startswith(SPZ_MAGIC):
        with gzip.open(path, "rb") as unpacked:
            head = unpacked.read(SPZ_HEADER)
    return head.startswith(SPZ_MAGIC) and bool(head[SPZ_FLAGS] & 1)


def _sog_is_antialiased(path: Path) -> bool:
    """Tell whether the meta.json of a .sog that `check_sog` has passed says so, as `antialias` or as `model`."""
    with zipfile.ZipFile(path) as archive:
        found = next(name for name in archive.namelist() if name.rpartition("/")[2] == "meta.json")
    with member_of(path, found) as stream:
        meta = parse_json(stream.read()).plain()
    return meta.get("antialias") is True or meta.get("model") == "antialiased"


def _read(path: Path, kind: str, check: Callable[[Path], int]) -> StoredSplats:
    """Convert a file to .ply and read that. check: returns the Gaussians it declares, if it can hold them.

    Raises SplatFileError if it is damaged or gaussforge is missing.
    """
    library = _library()
    if library is None:
        raise SplatFileError(f"reading {path} needs gaussforge; install it with {INSTALL}")
    try:
        count = check(path)
    except FileNotFoundError:
        raise SplatFileError(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise SplatFileError(f"{path} cannot be read ({error.strerror}); give a .{kind} file") from None
    except ValueError as error:
        raise SplatFileError(f"{path} is not a whole .{kind} file ({error}); export or copy it again") from None
    with working_folder() as folder:
        # It keeps the name of the file, for messages about the .ply.
        result = folder / f"{path.name}.ply"
        failure = _convert(library, path, result, kind, "ply", count, Guard.of(path, SplatFileError).allowed)
        if failure:
            raise SplatFileError(f"{path} is not a whole .{kind} file ({failure}); export or copy it again")
        return read_ply(result)


def _convert(
    library: Path, source: Path, result: Path, source_kind: str, result_kind: str, count: int, memory: int
) -> str:
    """Convert a file of `count` Gaussians into another within `memory` bytes. Return the error in words, or nothing."""
    command = [sys.executable, "-I", "-c", CONVERT, str(library), str(source), str(result), source_kind, result_kind]
    seconds = SECONDS + count // PER_SECOND
    try:
        done = subprocess.run([*command, str(memory + ROOM)], capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"gaussforge needs more than {seconds} seconds"
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
