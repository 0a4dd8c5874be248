"""Damage to files, always the same for a seed: blind (bits, cuts, splices, extreme numbers) and aware of the container.

A blind change of a PNG or ZIP fails its checksum and of JSON its grammar, and tells nothing of what lies behind. So
containers are opened, their content is damaged, and they are closed again with right lengths and checksums.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

WORDS = [
    *(
        b"1e999",
        b"-1e999",
        b"NaN",
        b"Infinity",
        b"-1",
        b"0",
        b"1",
        b"2147483648",
        b"4294967296",
        b"9223372036854775808",
    ),
    *(b"18446744073709551616", b"1e18", b"1e308", b"1e-320", b"0.5", b"null", b"true", b"[]", b"{}", b'""', b'"a"'),
    *(b"\0", b"\xff", b"\n", b"\\ud800", b"\x1b[31m", b"../../x", b"/etc/passwd", b"x" * 5000, b"9" * 400, b"[" * 2000),
]
"""Words that are put into texts, in place of a number or anywhere."""

VALUES: list[Any] = [
    *(float("inf"), float("nan"), -1, 0, 1, 2, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, -(2**63), 10**400, 1e18, 1e308),
    *(1e-320, 0.5, None, True, False, [], {}, "", "a", "1e999", "-1", "\0", "é" * 3000, "../../x", [[]], [None]),
    *({"a": 1}, [1, 2], "x" * 5000, "\x1b[31m", "2147483648"),
]
"""Values that are put into JSON."""

EXTREMES = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**20, 2**24, 2**30, 2**31 - 1, 2**31, 2**32 - 1]
EXTREMES += [2**40, 2**48, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
"""Numbers that are put into binary fields."""


def mutated(rng: random.Random, seeds: list[bytes], container: str = "") -> bytes:
    """One of the seeds, damaged one to four times. container: a key of `CONTAINERS`, or none."""
    data = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        if container and rng.random() < 0.6:
            try:
                data = CONTAINERS[container](rng, data)
                continue
            except Exception:
                pass
        data = blind(rng, data, seeds)
    return data


def blind(rng: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    """Any bytes, damaged once."""
    out = bytearray(data)
    size = len(out)
    at = rng.randrange(size + 1)
    match rng.randrange(10):
        case 0 if size:
            out[at % size] ^= 1 << rng.randrange(8)
        case 1 if size:
            for _ in range(rng.randrange(1, 9)):
                out[rng.randrange(size)] = rng.randrange(256)
        case 2:
            del out[at:]
        case 3:
            del out[at : at + rng.choice((1, 2, 4, 8, 100))]
        case 4:
            out[at:at] = out[rng.randrange(size + 1) :][: rng.choice((1, 4, 16, 200))]
        case 5:
            other = rng.choice(seeds)
            out[at:] = other[rng.randrange(len(other) + 1) :]
        case 6:
            out[at:at] = rng.choice(WORDS)
        case 7 if found := list(re.finditer(rb"-?[0-9][0-9.eE+-]*", data)):
            number = rng.choice(found)
            out[number.start() : number.end()] = rng.choice(WORDS)
        case _:
            form = rng.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
            limit = 256 ** struct.calcsize(form)
            # Fields lie mostly at the beginning.
            at = rng.randrange(min(size, 64) + 1) if rng.random() < 0.5 else at
            out[at : at + struct.calcsize(form)] = struct.pack(form, rng.choice(EXTREMES) % limit)
    return bytes(out)


def _json(rng: random.Random, data: bytes) -> bytes:
    return json.dumps(json_value(rng, json.loads(data))).encode()


def json_value(rng: random.Random, value: Any) -> Any:
    """A JSON value with one of its parts replaced, removed or doubled."""
    places: list[tuple[Any, Any]] = []
    holder = {"": value}
    todo: list[Any] = [holder]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            places.append((one, key))
            if isinstance(one[key], dict | list):
                todo.append(one[key])
    parent, key = rng.choice(places)
    match rng.randrange(8):
        case 0 if parent is not holder:
            del parent[key]
        case 1 if isinstance(parent, list):
            parent.append(parent[key])
        case 2 if isinstance(parent, dict) and parent is not holder:
            parent[str(rng.choice(VALUES))] = parent.pop(key)
        case 3:
            deep: Any = parent[key]
            for _ in range(rng.choice((1, 3, 500))):
                deep = [deep]
            parent[key] = deep
        case _:
            parent[key] = rng.choice(VALUES)
    return holder[""]


def _lines(rng: random.Random, data: bytes) -> bytes:
    """JSON, line by line."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = _json(rng, lines[at])
    return b"\n".join(lines)


def _png(rng: random.Random, data: bytes) -> bytes:
    """Chunks damaged, their checksums right; sometimes the pixels themselves, before they are compressed."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    i = rng.randrange(len(chunks))
    kind, body = chunks[i]
    if kind == b"IHDR" and rng.random() < 0.5:
        width, height, depth, color, *rest = struct.unpack(">IIBBBBB", body)
        width, height = (rng.choice((side, 0, 1, 7, 65535, 2**31 - 1)) for side in (width, height))
        depth, color = rng.choice((depth, 1, 2, 4, 8, 16)), rng.choice((color, 0, 2, 3, 4, 6))
        body = struct.pack(">IIBBBBB", width, height, depth, color, *rest)
    elif kind == b"IDAT" and rng.random() < 0.7:
        body = zlib.compress(blind(rng, zlib.decompress(body), [b"\0"]))
    else:
        body = blind(rng, body, [body])
    chunks[i] = kind, body
    if rng.random() < 0.2:
        chunks.insert(rng.randrange(len(chunks)), rng.choice(chunks))
    out = data[:8]
    for kind, body in chunks:
        out += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return out


def _zip(rng: random.Random, data: bytes) -> bytes:
    """A member damaged, the archive right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
    i = rng.randrange(len(members))
    member, body = members[i]
    if member.filename.endswith(".json") and rng.random() < 0.7:
        body = _json(rng, body)
    elif body[:6] == b"\x93NUMPY" and rng.random() < 0.6:
        body = _npy(rng, body)
    else:
        body = blind(rng, body, [one for _, one in members])
    members[i] = member, body
    if rng.random() < 0.1:
        del members[rng.randrange(len(members))]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for member, body in members:
            archive.writestr(member.filename, body)
    return out.getvalue()


def _npy(rng: random.Random, data: bytes) -> bytes:
    """Shape, type or order of an array changed, its header right."""
    length = int.from_bytes(data[8:10], "little")
    text, body = data[10 : 10 + length].decode("latin-1"), data[10 + length :]
    kinds = ("|u1", "<i4", "<i8", "<f4", "<f8", "|b1", "<U7", "|O", "<c16", "|V9", "<m8[s]", ">i2")
    shapes = ("()", "(0,)", "(1,)", "(-1,)", "(2, 3)", "(1099511627776,)", "(0, 9999999999)", "(3, 4, 5)", "(1e3,)")
    match rng.randrange(3):
        case 0:
            text = re.sub(r"'descr': '[^']*'", f"'descr': '{rng.choice(kinds)}'", text)
        case 1:
            text = re.sub(r"'shape': \([^)]*\)", f"'shape': {rng.choice(shapes)}", text)
        case _:
            body = blind(rng, body, [body])
    text = text.rstrip() + "\n"
    return data[:8] + struct.pack("<H", len(text)) + text.encode("latin-1") + body


def _gzip(rng: random.Random, data: bytes) -> bytes:
    content = gzip.decompress(data)
    return gzip.compress(blind(rng, content, [content]), 1)


def _safetensors(rng: random.Random, data: bytes) -> bytes:
    """The header, a fact in it, or a number of an array changed; its length is right."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), bytearray(data[8 + length :])
    metadata = header.get("__metadata__", {})
    match rng.randrange(4):
        case 0:
            header = json_value(rng, header)
        case 1 if metadata:
            key = rng.choice(list(metadata))
            try:
                metadata[key] = json.dumps(json_value(rng, json.loads(metadata[key])))
            except ValueError:
                metadata[key] = str(rng.choice(VALUES))
        case _:
            width = rng.choice((1, 4, 8))
            at = rng.randrange(len(body) // width + 1) * width
            body[at : at + width] = (rng.choice(EXTREMES) % 256**width).to_bytes(width, "little")
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(body)


CONTAINERS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    **{"json": _json, "lines": _lines, "png": _png, "zip": _zip, "npy": _npy, "gzip": _gzip},
    "safetensors": _safetensors,
}
"""Ways to damage the content of a container."""
