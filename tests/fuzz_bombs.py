"""Small files that declare, nest or expand to what no memory holds: each is given to a reader of `fuzz_targets`."""

from __future__ import annotations

import base64
import gzip
import io
import itertools
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzz_targets import COCO, LABELME, RGB, SAM, TARGETS, Made, picture
from safetensors.numpy import load, save

PLACES = {target.name: target for target in TARGETS}


@dataclass(frozen=True)
class Bomb:
    """A file and the target that reads it."""

    name: str
    target: str
    content: Callable[[bytes], bytes]
    """Make the file, from a whole one of the target."""

    def make(self, folder: Path) -> tuple[Path, Callable[[], object]]:
        """Put the file into a folder; return its path and the call that reads it."""
        made: Made = PLACES[self.target].make(folder)
        path, seeds, read = made
        path.write_bytes(self.content(seeds[0]))
        return path, read


def _fixed(name: str, target: str, content: bytes) -> Bomb:
    return Bomb(name, target, lambda _: content)


# Pictures

COLOR_TYPES = {"1": (1, 0), "L": (8, 0), "I;16": (16, 0), "P": (8, 3), "LA": (8, 4), "RGB": (8, 2), "RGBA": (8, 6)}


def png(
    width: int, height: int, mode: str, pixels: bytes | None = None, before: Iterable[tuple[bytes, bytes]] = ()
) -> bytes:
    """A PNG of a declared size; pixels: of all, deflated; None: a few bytes."""
    depth, kind = COLOR_TYPES[mode]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)), *before]
    chunks += [(b"PLTE", bytes(range(9)))] if mode == "P" else []
    chunks += [(b"IDAT", zlib.compress(bytes(40000)) if pixels is None else pixels), (b"IEND", b"")]
    out = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        out += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return out


def whole_png(side: int, mode: str) -> bytes:
    """A black PNG with all its pixels."""
    depth, kind = COLOR_TYPES[mode]
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    return png(side, side, mode, deflated(side * (1 + (side * depth * channels + 7) // 8)))


def deflated(size: int) -> bytes:
    """Zeros, deflated piece by piece."""
    deflate, block = zlib.compressobj(1), bytes(1 << 20)
    parts = [deflate.compress(block[: min(len(block), size - start)]) for start in range(0, size, len(block))]
    return b"".join([*parts, deflate.flush()])


def _pictures() -> Iterator[Bomb]:
    sizes = ((12, 14262538), (13000, 13000), (2**31 - 1, 1), (1, 2**31 - 1), (60000, 60000), (16000, 11000))
    for (width, height), mode in itertools.product(sizes, COLOR_TYPES):
        yield Bomb(f"png {width}x{height} {mode}", "mask png", lambda _, a=(width, height, mode): png(*a))
    for mode in COLOR_TYPES:
        yield Bomb(f"png 9000x9000 {mode}, whole", "mask png", lambda _, mode=mode: whole_png(9000, mode))
        yield Bomb(f"photograph 9000x9000 {mode}, whole", "photograph png", lambda _, mode=mode: whole_png(9000, mode))
    for target in ("ignore mask", "prompt mask"):
        for mode in ("L", "RGBA"):
            yield _fixed(f"{target} 13000x13000 {mode}", target, png(13000, 13000, mode))
        yield Bomb(f"{target} 9000x9000, whole", target, lambda _: whole_png(9000, "RGB"))
    yield from _photographs()


def _photographs() -> Iterator[Bomb]:
    texts = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}
    for name, head in texts.items():
        body = head + deflated(1 << 28)
        yield _fixed(f"png with {name.decode()} of 256 MB", "mask png", png(8, 8, "L", None, [(name, body)]))
    for sides in ((65500, 65500), (13000, 13000), (65535, 1)):
        for progressive in (False, True):
            jpeg = bytearray(picture(RGB, "JPEG", progressive=progressive))
            at = jpeg.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
            struct.pack_into(">HH", jpeg, at, *sides)
            yield _fixed(f"jpeg {sides}, {progressive=}", "photograph jpeg", bytes(jpeg))
    for sides in ((65535, 65535), (13000, 13000)):
        gif = bytearray(picture(RGB, "GIF"))
        struct.pack_into("<HH", gif, 6, *sides)
        yield _fixed(f"gif screen {sides}", "photograph bmp to ppm", bytes(gif))
        struct.pack_into("<HH", gif, gif.rindex(b",\0\0\0\0") + 5, *sides)
        yield _fixed(f"gif frame {sides}", "photograph bmp to ppm", bytes(gif))
        tga = bytearray(picture(RGB, "TGA"))
        tga[2] |= 8
        struct.pack_into("<HH", tga, 12, *sides)
        yield _fixed(f"tga {sides}", "photograph bmp to ppm", bytes(tga))
    for sides in ((2**31 - 1, 2**31 - 1), (13000, 13000), (1, 2**30), (-13000, -13000)):
        bmp = bytearray(picture(RGB, "BMP"))
        struct.pack_into("<ii", bmp, 18, *sides)
        yield _fixed(f"bmp {sides}", "photograph bmp to ppm", bytes(bmp))
        jp2 = bytearray(picture(RGB, "JPEG2000"))
        struct.pack_into(">ii", jp2, jp2.index(b"ihdr") + 4, *sides)
        yield _fixed(f"jpeg 2000 header {sides}", "photograph jpeg 2000", bytes(jp2))
        struct.pack_into(">ii", jp2, jp2.index(b"\xff\x51") + 6, *(abs(side) for side in sides))
        yield _fixed(f"jpeg 2000 both {sides}", "photograph jpeg 2000", bytes(jp2))
    for kind in ("raw", "tiff_lzw", "tiff_deflate", "packbits"):
        for side in (13000, 60000):
            tiff = picture(RGB, "TIFF", compression=kind)
            old, new = struct.pack("<HHI", 256, 4, 1)[:8], side
            tiff = tiff.replace(old + struct.pack("<I", 32), old + struct.pack("<I", new))
            tiff = tiff.replace(struct.pack("<HHII", 257, 4, 1, 24), struct.pack("<HHII", 257, 4, 1, new))
            yield _fixed(f"tiff {side} {kind}", "photograph tiff", tiff)
    for head in (
        b"P6 100000 100000 255\n",
        b"P5 13000 13000 65535\n",
        b"P1 13000 13000\n",
        b"P3 99999 9999 255\n1 2 3",
    ):
        yield _fixed(f"ppm {head.decode().strip()}", "photograph bmp to ppm", head)
    for lossless in (False, True):
        black = np.zeros((8000, 8000, 3), np.uint8)
        content = partial(picture, black, "WEBP", lossless=lossless, method=0)
        yield Bomb(f"webp 8000x8000, {lossless=}", "photograph webp", lambda _, content=content: content())
    yield _fixed("eps in place of a photograph", "photograph png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


# Arrays


def npy(shape: str, kind: str = "|u1", body: bytes = b"") -> bytes:
    """An array that declares any shape."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + body


def archive(*members: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as file:
        for name, body in members:
            file.writestr(name, body)
    return buffer.getvalue()


def forged(content: bytes, form: str, local: int, central: int, value: int) -> bytes:
    """A ZIP with a field of all its headers replaced."""
    out, at = bytearray(content), 0
    for mark, offset in ((b"PK\3\4", local), (b"PK\1\2", central)):
        at = 0
        while (at := out.find(mark, at)) >= 0:
            struct.pack_into(form, out, at + offset, value)
            at += 4
    return bytes(out)


def _zips(member: str) -> dict[str, Callable[[], bytes]]:
    """ZIPs with a member that declares or expands to much."""
    huge = archive((member, npy("(1099511627776,)", "<i4")))
    return {
        "of 2^40 numbers": lambda: huge,
        "of 2^40 numbers, deflated": lambda: archive(
            (member, npy("(1099511627776,)", "<i4")), how=zipfile.ZIP_DEFLATED
        ),
        "forged to 4 GB": lambda: forged(huge, "<I", 22, 24, 2**32 - 2),
        "encrypted": lambda: forged(huge, "<H", 6, 8, 1),
        "of an unknown compression": lambda: forged(huge, "<H", 8, 10, 99),
        "of version 99": lambda: forged(huge, "<H", 4, 6, 99),
        "in LZMA": lambda: archive((member, npy("(500000000,)", body=bytes(10**8))), how=zipfile.ZIP_LZMA),
        "of 400 MB of zeros": lambda: archive((member, npy("(400, 1000, 1000)", body=bytes(4 * 10**8))), how=8),
        "of objects": lambda: archive((member, npy("(3,)", "|O", pickle.dumps([1])))),
        "of negative sides": lambda: archive((member, npy("(-1, -5)"))),
        "of no rows and huge sides": lambda: archive((member, npy("(0, 9223372036854775807)"))),
        "of items of 2 GB": lambda: archive((member, npy("(9,)", "|V2147483647"))),
        "of 10^200 numbers": lambda: archive((member, npy(f"({10**200},)"))),
        "deep in its header": lambda: archive((member, npy("(" * 500 + ")" * 500))),
        "of 5000 members": lambda: archive(*((f"{i}.npy", b"") for i in range(5000)), (member, npy("(3,)"))),
        "twice": lambda: archive((member, npy("(3,)", body=b"abc")), (member, npy("(1099511627776,)"))),
    }


def _arrays() -> Iterator[Bomb]:
    for target, member in (("mask npz", "masks.npy"), ("sidecar", "segment_ids.npy"), ("sidecar", "segments.npy")):
        for name, content in _zips(member).items():
            yield Bomb(f"{target}: {member} {name}", target, lambda _, content=content: content())
    shapes = (
        "(1099511627776,)",
        "(100000, 100000)",
        "(0, 9223372036854775807)",
        "(-4, 4)",
        f"({10**200},)",
        "(1, 2**40)",
    )
    for shape, kind in itertools.product(shapes, ("|u1", "<f8", "<U1000000")):
        yield _fixed(f"npy {shape[:30]} {kind}", "mask npy", npy(shape, kind))
    packed = archive(
        ("packed.npy", npy("(1, 2)", body=b"ab")),
        ("shape.npy", npy("(3,)", "<i8", struct.pack("<3q", 1, 2**40, 2**40))),
    )
    yield _fixed("packed masks of 2^40 pixels a side", "mask npz", packed)
    yield Bomb("400 masks that are all of the picture", "mask npz", lambda _: _full_packed(400, 2000))
    for shape in ((2000, 2000, 2000), (1, 30000, 30000), (2**31, 2**31)):
        yield Bomb(f"pt expanded to {shape}", "mask pt", lambda _, shape=shape: _tensor(torch.zeros(1).expand(shape)))
    yield Bomb(
        "pt that declares more than it holds", "mask pt", lambda _: _declaring(_tensor(torch.zeros(3, 4, 5)), 60, 6000)
    )
    yield Bomb("pt of 2^40 numbers", "mask pt", lambda _: _declaring(_tensor(torch.zeros(3, 4, 5)), 60, 2**30))
    yield Bomb(
        "legacy pt of 2^30 numbers", "mask pt", lambda _: _declaring(_tensor(torch.zeros(3, 4, 5), False), 60, 2**30)
    )
    yield Bomb(
        "sparse pt",
        "mask pt",
        lambda _: _tensor(torch.sparse_coo_tensor(torch.tensor([[0], [0]]), torch.ones(1), (2**31, 2**31))),
    )
    yield Bomb("pt deflated", "mask pt", lambda _: _deflated_pt())


def _full_packed(count: int, side: int) -> bytes:
    buffer = io.BytesIO()
    packed = np.full((count, side * side // 8), 255, np.uint8)
    np.savez_compressed(buffer, packed=packed, shape=np.array([count, side, side]))
    return buffer.getvalue()


def _tensor(content: torch.Tensor, zipped: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def _declaring(content: bytes, old: int, new: int) -> bytes:
    """A .pt whose pickle states `new` numbers in place of `old`, written as one byte."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as whole:
            return archive(*((name, _declaring(whole.read(name), old, new)) for name in whole.namelist()))
    for end in (b"t", b"N", b"r", b"q"):
        content = content.replace(b"K" + bytes([old]) + end, b"J" + struct.pack("<i", new) + end)
    return content


def _deflated_pt() -> bytes:
    whole = _tensor(torch.zeros(20, 1000, 1000, dtype=torch.uint8))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive_read:
        return archive(*((name, archive_read.read(name)) for name in archive_read.namelist()), how=zipfile.ZIP_DEFLATED)


# Texts

DEEP = b"[" * 100_000 + b"]" * 100_000
BRACES = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
LISTS = b"[" + b"[]," * 3_000_000 + b"[]]"
DIGITS = b"[" + b"9" * 100_000 + b"]"
JSON_TARGETS = (
    *("mask json", "coco", "transforms", "keyframes", "truth scene.json", "truth lerf-ovs", "record masks.json"),
    *("count of masks", "segments.json", "metrics.jsonl", "evaluation.json", "checkpoint json"),
)


def _texts() -> Iterator[Bomb]:
    for target in JSON_TARGETS:
        for name, content in (("lists", DEEP), ("objects", BRACES), ("digits", DIGITS), ("short lists", LISTS)):
            yield _fixed(f"{target}: {name}", target, content)
    for side in (2**20, 2**31, 2**63, 1e999, -1, "1e9", 1e30, None, True, [1]):
        rle: dict[str, Any] = {"segmentation": {"size": [side, side], "counts": "o"}}
        yield _fixed(f"SAM mask of side {side}", "mask json", json.dumps([rle]).encode())
        data_set = json.loads(json.dumps(COCO))
        data_set["images"][0] |= {"width": side, "height": side}
        yield _fixed(f"COCO of side {side}", "coco", json.dumps(data_set).encode())
        yield _fixed(f"Labelme of side {side}", "mask json", json.dumps(LABELME | {"imageWidth": side}).encode())
    full = {"segmentation": {"size": [4000, 4000], "counts": [0, 16_000_000]}}
    for count in (60, 1000, 20_000):
        yield _fixed(f"{count} SAM masks of all pixels", "mask json", json.dumps([full] * count).encode())
    long = {"segmentation": {"size": [16, 16], "counts": "o" * 3_000_000}}
    yield _fixed("SAM mask of 3 million runs", "mask json", json.dumps([long]).encode())
    zigzag = [coordinate for i in range(50_000) for coordinate in (i % 4000, 4000 * (i % 2))]
    square = [0, 0, 4000, 0, 4000, 4000, 0, 4000]
    for name, polygons in (("a zigzag", [zigzag]), ("20,000 squares", [square] * 20_000)):
        row = {"image_id": 1, "segmentation": polygons}
        wide = {"images": [{"id": 1, "file_name": "a", "width": 4000, "height": 4000}], "annotations": [row]}
        yield _fixed(f"COCO of {name}", "coco", json.dumps(wide).encode())
    stamp = base64.b64encode(png(13000, 13000, "L")).decode()
    shape = {"shape_type": "mask", "points": [[0, 0], [5, 5]], "mask": stamp, "label": "a"}
    yield _fixed("Labelme with a PNG of 13000x13000", "mask json", json.dumps(LABELME | {"shapes": [shape]}).encode())
    circle = {"shape_type": "circle", "points": [[0, 0], [1e308, 1e308]], "label": "a"}
    yield _fixed("Labelme with a circle of 1e308", "mask json", json.dumps(LABELME | {"shapes": [circle]}).encode())
    yield _fixed("100,000 SAM masks", "mask json", json.dumps(SAM * 33_000).encode())
    yield from _transforms()
    yield from _labels()
    for name, text in _yaml().items():
        yield _fixed(f"config.yaml: {name}", "config.yaml", text.encode())
    row = {"id": 1, "name": "a", "color": "#010203", "count": 1, "box": [[0, 0, 0], [1, 1, 1]], "parent": None}
    for key, value in itertools.product(("id", "count", "parent", "box", "confidence"), (1e999, 10**400, 2**63)):
        yield _fixed(
            f"segments.json: {key} {str(value)[:20]}", "segments.json", json.dumps([row | {key: value}]).encode()
        )


def _transforms() -> Iterator[Bomb]:
    frame = {"file_path": "a.png", "transform_matrix": np.eye(4).tolist()}
    base: dict[str, Any] = {"fl_x": 30.0, "w": 32, "h": 24}
    many = [{"file_path": f"{i}.png"} for i in range(10_000)]
    keys = {f"key{i}": i for i in range(10_000)}
    values: dict[str, Any] = {
        "10,000 keys for 10,000 frames": {**base, **keys, "frames": many},
        "a path of 5,000 characters": {**base, "frames": [frame | {"file_path": "x" * 5000}]},
        "a mask path of 5,000 characters": {**base, "frames": [frame | {"mask_path": "x" * 5000}]},
        "a point cloud of 5,000 characters": {**base, "ply_file_path": "x" * 5000, "frames": [frame]},
        "a path with a zero": {**base, "frames": [frame | {"file_path": "a\0.png"}]},
        "a width of 10^400": {**base, "w": 10**400, "frames": [frame]},
        "a pose of 1e308": {**base, "frames": [frame | {"transform_matrix": (np.eye(4) * 1e308).tolist()}]},
        "a pose of 10^400": {**base, "frames": [frame | {"transform_matrix": [[10**400] * 4] * 4}]},
        "a camera far away": {
            **base,
            "frames": [frame | {"transform_matrix": (np.eye(4) + 1e300 * np.eye(4, k=3)).tolist()}],
        },
        "a focal length of 1e308": {**base, "fl_x": 1e308, "frames": [frame]},
    }
    for name, value in values.items():
        for target in ("transforms", "keyframes"):
            yield _fixed(f"{target}: {name}", target, json.dumps(value).encode())


def _labels() -> Iterator[Bomb]:
    thing = {"category": "x" * 5000, "segmentation": [[0, 0], [9, 0], [9, 9]], "bbox": [0, 0, 9, 9]}
    for side in (10**9, 50_000, 1e999, -5):
        info = {"width": side, "height": side}
        yield _fixed(
            f"LERF-OVS frame of {side}", "truth lerf-ovs", json.dumps({"info": info, "objects": [thing]}).encode()
        )
    for corner in (1e999, 10**400, "a", None):
        label = {"info": {"width": 9, "height": 9}, "objects": [thing | {"segmentation": [[corner, 0]] * 3}]}
        yield _fixed(f"LERF-OVS corner {str(corner)[:20]}", "truth lerf-ovs", json.dumps(label).encode())
    for number in ("1e999", "x", "9" * 5000, "-1"):
        yield _fixed(
            f"scene.json: object {number[:20]}", "truth scene.json", json.dumps({"objects": {number: "a"}}).encode()
        )


def _yaml() -> dict[str, str]:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    merged = ["a0: &a0 {b: 1}"]
    merged += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 9)]
    return {
        "aliases": "\n".join(lines),
        "merged aliases": "\n".join(merged),
        "of itself": "capture: &a [*a]",
        "deep lists": "[" * 20_000,
        "deep blocks": "\n".join(" " * i + "a:" for i in range(2000)),
        "impossible date": "2020-13-45: 1",
        "impossible number": "seed: !!int abc",
        "object": "!!python/object/apply:os.system [true]",
        "2 MB": "a: 1\n" + "# " + "x" * 2_000_000,
        "1 MB of pairs": "\n".join(f"k{i}: [1, 2, 3]" for i in range(50_000)),
        "digits": "seed: " + "9" * 100_000,
        "base 60": "seed: " + ":".join(["59"] * 5000),
        "zero byte": "seed: \0",
        "key that is a list": "? [1]\n: 2",
    }


# Splats and captures


def _splats() -> Iterator[Bomb]:
    columns = [
        *"xyz",
        "f_dc_0",
        "f_dc_1",
        "f_dc_2",
        "opacity",
        *(f"scale_{i}" for i in range(3)),
        *(f"rot_{i}" for i in range(4)),
    ]
    properties = "".join(f"property float {name}\n" for name in columns)
    many = "".join(f"property char a{i}\n" for i in range(45_000))
    for encoding in ("ascii", "binary_little_endian"):
        head = f"ply\nformat {encoding} 1.0\n"
        for count in (10**17, 2**31, 2**62, 10**9):
            yield _fixed(
                f"ply {encoding} of {count}", "ply", f"{head}element vertex {count}\n{properties}end_header\n".encode()
            )
            yield _fixed(
                f"cloud {encoding} of {count}",
                "point cloud",
                f"{head}element vertex {count}\n{properties}end_header\n".encode(),
            )
        yield _fixed(
            f"ply {encoding}, 45,000 properties", "ply", f"{head}element vertex 1\n{many}end_header\n".encode()
        )
        yield _fixed(
            f"cloud {encoding}, no property", "point cloud", f"{head}element vertex 99999999999\nend_header\n".encode()
        )
        yield _fixed(f"ply {encoding}, no property", "ply", f"{head}element vertex 99999999999\nend_header\n".encode())
        empty = "".join(f"element e{i} 99999999999\n" for i in range(30_000))
        yield _fixed(
            f"ply {encoding}, 30,000 elements",
            "ply",
            f"{head}{empty}element vertex 1\n{properties}end_header\n".encode(),
        )
        packed = (
            "element chunk 9999999999\nproperty float min_x\nelement vertex 9999999999\nproperty uint packed_position\n"
        )
        yield _fixed(f"compressed ply {encoding}", "compressed ply", f"{head}{packed}end_header\n".encode())
    yield _fixed("ply without an end", "ply", b"ply\n" + b"comment x\n" * 200_000)
    for degree, count in itertools.product((0, 3), (10**8, 4 * 10**9, 4 * 10**6, 10**5)):
        header = struct.pack("<IIIBBBB", 0x5053474E, 2, count, degree, 12, 0, 0)
        yield _fixed(f"spz of {count}, degree {degree}", "spz", gzip.compress(header + bytes(100)))
    for version in (1, 4, 99):
        header = struct.pack("<IIIBBBB", 0x5053474E, version, 10**9, 3, 12, 0, 0)
        yield _fixed(f"spz of version {version}, not compressed", "spz", header + bytes(100))
    header = struct.pack("<IIIBBBB", 0x5053474E, 2, 10, 0, 12, 0, 0)
    yield Bomb("spz that inflates to 1 GB", "spz", lambda _: _gzip(header, 10**9))
    yield Bomb(
        "spz in many parts", "spz", lambda _: gzip.compress(header + bytes(500)) + 300 * gzip.compress(bytes(10**6))
    )
    yield Bomb(
        "spz of 10 million Gaussians that are zeros",
        "spz",
        lambda _: _gzip(struct.pack("<IIIBBBB", 0x5053474E, 2, 10**7, 3, 12, 0, 0), 64 * 10**7),
    )
    for count in (2**32 - 1, 10**8, 10**18, 1e999, -5, None, "9"):
        yield Bomb(f"sog of {count}", "sog", lambda whole, count=count: _sog(whole, count))
    for side in (16383, 12000):
        yield Bomb(
            f"sog with a picture of {side}",
            "sog",
            lambda whole, side=side: _sog(whole, 8, png(side, side, "RGBA", zlib.compress(bytes(9)))),
        )
    yield Bomb(
        "sog with a whole picture of 7000", "sog", lambda whole: _sog(whole, 49_000_000, whole_png(7000, "RGBA"))
    )
    for name, content in _zips("meta.json").items():
        yield Bomb(f"sog: {name}", "sog", lambda _, content=content: content())
    yield _fixed("sog with a deep meta.json", "sog", archive(("meta.json", DEEP)))
    for sections, count in ((1, 10**9), (10**9, 10), (1, 2**32 - 1), (2**32 - 1, 2**32 - 1)):
        header = bytearray(5120)
        struct.pack_into("<IIII", header, 4, sections, sections, count, count)
        struct.pack_into("<IIIII", header, 4096, count, count, 256, 10**9, 0)
        yield _fixed(f"ksplat of {count} in {sections}", "ksplat", bytes(header))
    yield from _captures()


def _gzip(header: bytes, zeros: int) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as file:
        file.write(header)
        for _ in range(zeros // 10**6):
            file.write(bytes(10**6))
    return buffer.getvalue()


def _sog(whole: bytes, count: Any, means: bytes | None = None) -> bytes:
    with zipfile.ZipFile(io.BytesIO(whole)) as content:
        members = {name: content.read(name) for name in content.namelist()}
    members["meta.json"] = json.dumps(json.loads(members["meta.json"]) | {"count": count}).encode()
    if means is not None:
        members |= {name: means for name in members if name.startswith("means")}
    return archive(*members.items())


def _captures() -> Iterator[Bomb]:
    for name in ("cameras", "images", "points3D"):
        for count in (2**40, 2**62, 2**64 - 1, 10**6):
            yield Bomb(
                f"{name}.bin of {count}",
                f"colmap {name}.bin",
                lambda whole, count=count: struct.pack("<Q", count) + whole[8:],
            )
        for number in ("9" * 5000, "1e999", "nan", "-1"):
            yield Bomb(
                f"{name}.txt with {number[:9]}",
                f"colmap {name}.txt",
                lambda whole, number=number: whole.replace(b" 1", f" {number}".encode(), 1),
            )
        yield _fixed(f"{name}.txt of one line", f"colmap {name}.txt", b"1 " * 3_000_000)
    image = struct.pack("<QI7dI", 1, 1, 1, 0, 0, 0, 0, 0, 0, 1)
    yield _fixed("images.bin with 2^60 points", "colmap images.bin", image + b"a.png\0" + struct.pack("<Q", 2**60))
    yield _fixed("images.bin with a name of 100,000", "colmap images.bin", image + b"x" * 100_000 + b"\0" + bytes(8))
    point = struct.pack("<QQ3d3Bd", 1, 1, 0, 0, 0, 1, 2, 3, 0.5)
    yield _fixed("points3D.bin with a track of 2^60", "colmap points3D.bin", point + struct.pack("<Q", 2**60))


# Arrays of runs


def _runs() -> Iterator[Bomb]:
    for target in ("votes", "hierarchy", "checkpoint tensors", "words", "earlier segments", "unsaved segments"):
        for length in (2**63, 2**40, 10**8, 0):
            yield Bomb(
                f"{target}: header of {length}",
                target,
                lambda whole, length=length: length.to_bytes(8, "little") + whole[8:],
            )
        yield Bomb(f"{target}: deep header", target, lambda _: len(DEEP).to_bytes(8, "little") + DEEP)
        yield Bomb(f"{target}: deep facts", target, _deep_facts)
        for value in (2**31 - 1, -(2**31), 10**9):
            yield Bomb(f"{target}: all whole numbers {value}", target, lambda whole, value=value: _filled(whole, value))
            for which in range(4):
                yield Bomb(
                    f"{target}: array {which} of {value}",
                    target,
                    lambda whole, value=value, which=which: _filled(whole, value, which),
                )


def _metadata(whole: bytes) -> dict[str, str]:
    length = int.from_bytes(whole[:8], "little")
    return dict(json.loads(whole[8 : 8 + length]).get("__metadata__", {}))


def _deep_facts(whole: bytes) -> bytes:
    metadata = {key: value if key == "format" else DEEP.decode() for key, value in _metadata(whole).items()}
    return save(load(whole), metadata or {"facts": DEEP.decode()})


def _filled(whole: bytes, value: int, which: int | None = None) -> bytes:
    """Arrays of whole numbers, or the one of a number, with a value in their last place."""
    arrays = load(whole)
    for i, (name, array) in enumerate(sorted(arrays.items())):
        if array.dtype.kind == "i" and array.size and which in (None, i):
            changed = array.copy()
            changed.reshape(-1)[-1] = value
            arrays[name] = changed
    return save(arrays, _metadata(whole))


BOMBS: list[Bomb] = [*_pictures(), *_arrays(), *_texts(), *_splats(), *_runs()]
"""All bombs, in order."""
