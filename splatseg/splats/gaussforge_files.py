""".spz, .sog and .ksplat, through the library gaussforge (extra `formats`), which turns formats into one another.

What gaussforge 0.6 does not say and these functions mend:

* .spz has y up and z backward, .ply y down and z forward; it copies the numbers. We turn the splat before and after.
* .sog files have their own order. It depends on positions only, so a tracer, the same positions with each Gaussian's
  number in its colour, opacity and rotation, comes out in that order; reading the tracer back gives it.
* It writes to standard output and standard error, where results and messages of ours belong: both are put aside.
* Its compressed PLY mixes up the harmonics; `compressed_ply` is our own.
"""

from __future__ import annotations

import ctypes
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from splatseg.errors import OutputError, SplatFileError
from splatseg.files import atomic_write
from splatseg.splats.activations import to_opacity_logits
from splatseg.splats.half_turn import half_turn
from splatseg.splats.ply import put_ply, read_ply
from splatseg.splats.splats import Splats

INSTALL = 'pip install "splatseg[formats]"'
PLAIN = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN")
LARGEST_LOGIT = float(to_opacity_logits(torch.ones(())))
_ONE_AT_A_TIME = threading.Lock()


def read_spz(path: Path) -> Splats:
    """Read a .spz of versions 2 to 4. Raises SplatFileError if it is damaged or gaussforge is missing."""
    return half_turn(_read(path, "spz"), 0)


def read_sog(path: Path) -> Splats:
    """Read a .sog (one file). Raises SplatFileError if it is damaged or gaussforge is missing."""
    return _read(path, "sog")


def read_ksplat(path: Path) -> Splats:
    """Read a .ksplat. Raises SplatFileError if it is damaged or gaussforge is missing."""
    return _read(path, "ksplat")


def write_spz(path: Path, splats: Splats) -> None:
    """Write a .spz of version 3, atomically: 24 bits a coordinate, 8 a colour and scale, 4 or 5 a harmonic.

    Raises OutputError if gaussforge is missing or refuses.
    """
    _put(path, _convert(path, _plain_ply(half_turn(splats, 0)), "ply", "spz"))


def write_sog(path: Path, splats: Splats) -> Tensor:
    """Write a .sog, atomically; return the order (N,) its Gaussians have in the file. Raises as `write_spz`."""
    body = _convert(path, _plain_ply(splats), "ply", "sog")
    order = _order_of_sog(path, splats)
    _put(path, body)
    return order


def _order_of_sog(path: Path, splats: Splats) -> Tensor:
    """The number of the Gaussian that stands at each place of the file."""
    count = len(splats)
    numbers = torch.arange(count)
    # 7 bits in each of three components leave the fourth the largest, as the format wants it; 8 bits in the opacity.
    digits = torch.stack([numbers >> shift & 127 for shift in (0, 7, 14)], 1)
    small = ((digits + 64) / 255 - 0.5) * 2**0.5
    quats = torch.cat([(1 - (small**2).sum(1, keepdim=True)).sqrt(), small], 1).float()
    opacities = ((numbers >> 21) + 64).clamp(max=254) / 255
    tracer = Splats(
        means=splats.means.detach().cpu(),
        quats=quats,
        log_scales=torch.full((count, 3), -3.0),
        opacity_logits=torch.logit(opacities),
        sh0=torch.zeros(count, 3),
        shN=torch.zeros(count, 0, 3),
    )
    traced = _splats_of(path, _convert(path, _convert(path, _plain_ply(tracer), "ply", "sog"), "sog", "ply"))
    unit = torch.nn.functional.normalize(traced.quats, dim=1)
    unit = unit * torch.where(unit[:, :1] < 0, -1.0, 1.0)
    found = ((unit[:, 1:] / 2**0.5 + 0.5) * 255).round().long() - 64
    high = (traced.opacities * 255).round().long() - 64
    order = found[:, 0] | found[:, 1] << 7 | found[:, 2] << 14 | high << 21
    if not torch.equal(order.sort().values, numbers):
        raise OutputError(f"{path} was not written: the order of its Gaussians could not be found; use another format")
    return order


def _read(path: Path, kind: str) -> Splats:
    try:
        body = Path(path).read_bytes()
    except FileNotFoundError:
        raise SplatFileError(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise SplatFileError(f"{path} cannot be read ({error.strerror}); give a .{kind} file") from None
    gaussforge = _gaussforge()
    if gaussforge is None:
        raise SplatFileError(f"reading {path} needs gaussforge; install it with {INSTALL}")
    with _quiet():
        done = gaussforge.GaussForge().convert(body, kind, "ply")
    ply = bytes(done.get("data", b""))
    if not ply.startswith(b"ply"):  # gaussforge makes nothing of some damaged files, without an error
        reason = done.get("error", "nothing in it")
        raise SplatFileError(f"{path} is not a whole .{kind} file ({reason}); export or copy it again")
    return _splats_of(path, ply)


def _convert(path: Path, body: bytes, source: str, target: str) -> bytes:
    gaussforge = _gaussforge()
    if gaussforge is None:
        raise OutputError(f"writing {path} needs gaussforge; install it with {INSTALL}")
    with _quiet():
        done = gaussforge.GaussForge().convert(body, source, target)
    if "error" in done:
        raise OutputError(f"{path} was not written: gaussforge says {done['error']}; use another format")
    return bytes(done["data"])


def _gaussforge() -> Any:
    """The library, or None where it is not installed."""
    try:
        import gaussforge  # noqa: PLC0415 (an extra)
    except ImportError:
        return None
    return gaussforge


def _plain_ply(splats: Splats) -> bytes:
    file = io.BytesIO()
    put_ply(file, Splats(*(getattr(splats, name) for name in PLAIN)))
    return file.getvalue()


def _splats_of(path: Path, ply: bytes) -> Splats:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{path.name}.ply"
        file.write_bytes(ply)
        splats = read_ply(file)
    # Opacities of 8 bits are often exactly 0 or 1, and come as infinite logits.
    return splats.replace(opacity_logits=splats.opacity_logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT))


def _put(path: Path, body: bytes) -> None:
    with atomic_write(Path(path)) as file:
        file.write(body)


@contextmanager
def _quiet() -> Iterator[None]:
    """Standard output and error of the process lead nowhere: gaussforge's code in C++ writes there."""
    flush = ctypes.CDLL("ucrtbase" if os.name == "nt" else None).fflush
    with _ONE_AT_A_TIME:
        sys.stdout.flush()
        sys.stderr.flush()
        flush(None)
        kept = [(number, os.dup(number)) for number in (1, 2)]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            for number, _ in kept:
                os.dup2(nowhere, number)
            yield
        finally:
            flush(None)
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)
            os.close(nowhere)
