"""The headers of .spz, .sog and .ksplat, read before gaussforge is: it allocates by their word, inflates without end.

    .spz      gzip of: magic version count, u32 · degree bits flags reserved, u8 · then 16 bytes and more a Gaussian;
              version 4 has the same header, not compressed
    .sog      ZIP: meta.json with count (or means.shape), and pictures with a pixel for each Gaussian
    .ksplat   4096 bytes of header, count as u32 at 16 · then 24 bytes and more a Gaussian

Alphabet: N Gaussians; K harmonics beyond the constant.

Source: Niantic's spz, PlayCanvas' description of SOG, mkkellogg's GaussianSplats3D.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from splatseg.errors import SplatFileError
from splatseg.untrusted.archives import check_zip, member_of
from splatseg.untrusted.documents import parse_json
from splatseg.untrusted.memory import INFLATED, Guard
from splatseg.untrusted.numbers import whole_number

NUMBER = 16
"""Bytes that a number of a Gaussian takes in gaussforge: decoded twice, as .ply, and that again for Python."""

HARMONICS = (0, 3, 8, 15, 24)
"""K by degree."""

SPZ_HEADER = struct.Struct("<IIIBBBB")
SPZ_MAGIC = 0x5053474E
SPZ_SMALLEST = 16
"""Bytes of a Gaussian without harmonics in the smallest .spz: position 6, opacity 1, colour, scale, rotation 3 each."""

SPZ_SPARE = 1 << 20
"""Bytes that a .spz may have beyond its Gaussians, for extensions."""

KSPLAT_SMALLEST = 24
"""Bytes of a Gaussian in the most compressed .ksplat."""

META = 1 << 24
"""Most bytes of a meta.json."""

MOST = 1 << 32
"""Counts beyond this are not even counts."""


def check_spz(path: Path) -> int:
    """Return N of a .spz. Raises SplatFileError if it takes too much memory, ValueError if it cannot hold N."""
    guard = Guard.of(path, SplatFileError)
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        content = file.read() if zipped else file.read(SPZ_HEADER.size)
    head = _inflated(content, SPZ_HEADER.size) if zipped else content
    if len(head) < SPZ_HEADER.size:
        raise ValueError("no header")
    magic, _, count, degree, *_ = SPZ_HEADER.unpack(head[: SPZ_HEADER.size])
    if magic != SPZ_MAGIC or degree >= len(HARMONICS):
        raise ValueError("no header of a .spz")
    needed = SPZ_HEADER.size + count * (SPZ_SMALLEST + 3 * HARMONICS[degree])
    if zipped and needed > INFLATED * guard.length:
        raise ValueError(f"{count:,} Gaussians declared, more than it can hold")
    _check_memory(guard, count, HARMONICS[degree])
    if zipped:
        most = 2 * needed + SPZ_SPARE
        found = _inflated_length(content, most)
        if not needed <= found <= most:
            raise ValueError(
                f"{count:,} Gaussians declared, and {'more' if found > most else 'fewer'} bytes than theirs"
            )
    return int(count)


def check_sog(path: Path) -> int:
    """Return N of a .sog. Raises SplatFileError if it takes too much memory, ValueError if it cannot hold N."""
    guard = Guard.of(path, SplatFileError)
    sizes = check_zip(path, guard)
    name = next((name for name in sizes if name.rpartition("/")[2] == "meta.json"), None)
    if name is None or sizes[name] > META:
        raise ValueError("no meta.json, or a huge one")
    with member_of(path, name) as stream:
        meta = parse_json(stream.read()).plain()
    count = _count(meta)
    pixels = [_pixels(path, member, size) for member, size in sizes.items() if member != name]
    if count > max(pixels, default=0):
        raise ValueError(f"{count} Gaussians declared, and pictures of {max(pixels, default=0)} pixels")
    harmonics = HARMONICS[3] if "shN" in meta else 0
    _check_memory(guard, max(count, *pixels), harmonics, 8 * sum(pixels))
    return count


def check_ksplat(path: Path) -> int:
    """Return N of a .ksplat. Raises SplatFileError if it takes too much memory, ValueError if it cannot hold N."""
    guard = Guard.of(path, SplatFileError)
    with path.open("rb") as file:
        head = file.read(20)
    if len(head) < 20:
        raise ValueError("no header")
    sections, _, _, count = struct.unpack_from("<IIII", head, 4)
    if count * KSPLAT_SMALLEST > guard.length or sections > guard.length:
        raise ValueError(f"{count} Gaussians in {sections} sections declared, more than the file can hold")
    _check_memory(guard, count, HARMONICS[2])
    return int(count)


def _check_memory(guard: Guard, count: int, harmonics: int, besides: int = 0) -> None:
    guard.check(f"{count:,} Gaussians", count * (14 + 3 * harmonics) * NUMBER + besides)


def _inflated(content: bytes, most: int) -> bytes:
    """Return the first bytes of gzip. Raises ValueError if it is damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(content, most)
    except zlib.error as error:
        raise ValueError(str(error)) from None


def _inflated_length(content: bytes, most: int) -> int:
    """Return the length of gzip, or a number above `most`. Raises ValueError if it is damaged or has a second part."""
    inflate, total, rest = zlib.decompressobj(wbits=31), 0, content
    try:
        while not inflate.eof and total <= most:
            block = inflate.decompress(rest, SPZ_SPARE)
            rest = inflate.unconsumed_tail
            total += len(block)
            if not block and not rest:
                raise ValueError("it is cut off")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if inflate.unused_data.strip(b"\0"):
        raise ValueError("more behind its end")
    return total


def _count(meta: Any) -> int:
    """Return N as the meta.json of either version states it. Raises ValueError if it does not."""
    try:
        return whole_number(meta["count"] if "count" in meta else meta["means"]["shape"][0], 1, MOST)
    except (KeyError, TypeError, LookupError):
        raise ValueError("a meta.json without a count") from None


def _pixels(path: Path, member: str, size: int) -> int:
    """Return the number of pixels of a picture in a .sog, from its header; 0 for no picture."""
    with member_of(path, member) as stream:
        content = stream.read()
    try:
        from splatseg.untrusted.images import open_image  # noqa: PLC0415 (of a .sog alone, and Pillow takes a while)

        with open_image(io.BytesIO(content), Guard(SplatFileError, path, size), each=8) as image:
            return image.width * image.height
    except SplatFileError:
        raise
    except Exception:
        return 0
