""".spz, .sog and .ksplat, through the library gaussforge (extra `formats`), which turns formats into one another.

What gaussforge 0.6 does not say and these functions mend:

* .spz has y up and z backward, .ply y down and z forward; it copies the numbers. We turn the splat before and after.
* .sog files have their own order. It depends on positions only, so a tracer, the same positions with each Gaussian's
  number in its opacity and rotation, comes out in that order; reading the tracer back gives it.
* It prints, and a damaged .sog can crash it. It runs in a process of its own, where neither does harm.
* Opacities of 8 bits are often exactly 0 or 1, and come as infinite logits.
* Its compressed PLY mixes up the harmonics; `compressed_ply` is our own.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from splatseg.errors import OutputError, SplatFileError
from splatseg.files import atomic_write
from splatseg.splats.activations import to_opacity_logits
from splatseg.splats.half_turn import half_turn
from splatseg.splats.ply import read_ply, write_ply
from splatseg.splats.splats import Splats

INSTALL = 'pip install "splatseg[formats]"'
MANY = 50_000
"""Gaussians from which on the palette of a .sog, which grows with their number to 65,536 entries, is slow to find."""
LARGEST_LOGIT = float(to_opacity_logits(torch.ones(())))

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
"""What the other process does. It ends with 3 when the result is what went wrong, in words."""


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
    _put(path, _written(path, half_turn(splats, 0), "spz"))


def write_sog(path: Path, splats: Splats) -> Tensor:
    """Write a .sog, atomically; return the order (N,) its Gaussians have in the file. Raises as `write_spz`.

    Warns where gaussforge's palette of harmonics will take minutes.
    """
    if splats.sh_degree and len(splats) > MANY:
        warnings.warn(
            f"a .sog of {len(splats):,} Gaussians with harmonics takes minutes or longer; a .spz takes seconds",
            stacklevel=2,
        )
    body, traced = _written(path, splats, "sog"), _written(path, tracer(splats.means, torch.arange(len(splats))), "sog")
    with TemporaryDirectory() as folder:
        (Path(folder) / "tracer.sog").write_bytes(traced)
        order = traced_numbers(read_sog(Path(folder) / "tracer.sog"))
    if not torch.equal(order.sort().values, torch.arange(len(splats))):
        raise OutputError(f"{path} was not written: the order of its Gaussians could not be found; use another format")
    _put(path, body)
    return order


def tracer(means: Tensor, numbers: Tensor) -> Splats:
    """Gaussians at means (N,3) that carry numbers (N,) below 2^28 through 8 bits of opacity and of rotation.

    7 bits in each of three components of the quaternion leave the fourth the largest, which the format leaves out.
    """
    digits = torch.stack([numbers >> shift & 127 for shift in (0, 7, 14)], 1)
    small = ((digits + 64) / 255 - 0.5) * 2**0.5
    count = len(means)
    return Splats(
        means=means.detach().cpu(),
        quats=torch.cat([(1 - (small**2).sum(1, keepdim=True)).sqrt(), small], 1).float(),
        log_scales=torch.full((count, 3), -3.0),
        opacity_logits=torch.logit(((numbers >> 21) + 64) / 255),
        sh0=torch.zeros(count, 3),
        shN=torch.zeros(count, 0, 3),
    )


def traced_numbers(splats: Splats) -> Tensor:
    """The numbers (N,) that a tracer carried, in the order of its Gaussians now."""
    unit = torch.nn.functional.normalize(splats.quats, dim=1)
    unit = unit * torch.where(unit[:, :1] < 0, -1.0, 1.0)
    digits = ((unit[:, 1:] / 2**0.5 + 0.5) * 255).round().long() - 64
    high = (splats.opacities * 255).round().long() - 64
    return digits[:, 0] | digits[:, 1] << 7 | digits[:, 2] << 14 | high << 21


def _read(path: Path, kind: str) -> Splats:
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
        result = Path(folder) / f"{path.name}.ply"
        failure = _convert(library, path, result, kind, "ply")
        if failure:
            raise SplatFileError(f"{path} is not a whole .{kind} file ({failure}); export or copy it again")
        splats = read_ply(result)
    return splats.replace(opacity_logits=splats.opacity_logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT))


def _written(path: Path, splats: Splats, kind: str) -> bytes:
    library = _library()
    if library is None:
        raise OutputError(f"writing {path} needs gaussforge; install it with {INSTALL}")
    with TemporaryDirectory() as folder:
        source, result = Path(folder) / "splat.ply", Path(folder) / f"splat.{kind}"
        names = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
        write_ply(source, Splats(*(getattr(splats, name) for name in names)))
        failure = _convert(library, source, result, "ply", kind)
        if failure:
            raise OutputError(f"{path} was not written: gaussforge says {failure}; use another format")
        return result.read_bytes()


def _convert(library: Path, source: Path, result: Path, source_kind: str, result_kind: str) -> str:
    """Convert a file into another; returns what went wrong, in words, or nothing."""
    command = [sys.executable, "-I", "-c", CONVERT, str(library), str(source), str(result), source_kind, result_kind]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode == 3:
        return result.read_text(encoding="utf-8", errors="replace")
    if done.returncode != 0:
        return f"gaussforge ended with code {done.returncode}"
    with result.open("rb") as file:
        # It makes nothing of some damaged files, without an error.
        return "" if result_kind != "ply" or file.read(3) == b"ply" else "nothing in it"


def _library() -> Path | None:
    """The folder that gaussforge is in; None where it is not installed."""
    try:
        import gaussforge  # noqa: PLC0415 (an extra)
    except ImportError:
        return None
    return Path(gaussforge.__file__).parents[1]


def _put(path: Path, body: bytes) -> None:
    with atomic_write(Path(path)) as file:
        file.write(body)
