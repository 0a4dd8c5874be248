"""A reader of .mp4 boxes that is not the writer: what tests look into files with."""

from __future__ import annotations

import struct

INSIDE = {"moov": 0, "trak": 0, "mdia": 0, "minf": 0, "stbl": 0, "dinf": 0, "stsd": 8, "av01": 78, "dref": 8}


def boxes(content: bytes, start: int = 0, end: int | None = None) -> dict[str, bytes]:
    """Bodies by kind, those inside others too; fails unless boxes fill their parents exactly."""
    found: dict[str, bytes] = {}
    end = len(content) if end is None else end
    while start < end:
        length, kind = struct.unpack_from(">I4s", content, start)
        head = 8
        if length == 1:
            (length,), head = struct.unpack_from(">Q", content, start + 8), 16
        name = kind.decode("ascii")
        found[name] = content[start + head : start + length]
        if name in INSIDE:
            found |= boxes(content, start + head + INSIDE[name], start + length)
        start += length
    assert start == end
    return found


def numbers(form: str, content: bytes, at: int = 0) -> tuple[int, ...]:
    return struct.unpack_from(">" + form, content, at)
