"""An .mp4 file around AV1 frames that are already encoded.

    ftyp · moov (mvhd, trak (tkhd, mdia (mdhd, hdlr, minf (vmhd, dinf, stbl)))) · mdat

A box is its length (4 bytes, counting itself), its kind (4 bytes) and its body; numbers are big-endian. The tables of
`stbl` describe the samples (frames): stsz their sizes, stsc and co64 that they follow one another in one chunk, stts
that each lasts one tick, stss the numbers of the key frames. `moov` comes first, so that a player can begin before it
has the whole file.

Source: ISO/IEC 14496-12 (the base media file format); AV1 Codec ISO Media File Format Binding 1.2 (av01, av1C).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

UNITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
"""The identity matrix as players store it: no rotation."""

UNDETERMINED = 0x55C4
"""The language "und"."""


@dataclass(frozen=True)
class Track:
    """One AV1 video."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    fps: Fraction
    """Frames per second."""
    configuration: bytes
    """Body of the box av1C."""
    colors: bytes
    """Body of the box colr."""
    sizes: Sequence[int]
    """Bytes of each sample, in order."""
    keys: Sequence[int]
    """Indices of the samples that are key frames."""


def mp4_head(track: Track) -> bytes:
    """Return all bytes of the file before the samples; the samples appended in order complete it."""
    ftyp = box("ftyp", b"isom", pack("I", 512), b"isomiso2av01mp41")
    size = sum(track.sizes)
    # mdat with the 8-byte form of its length, so that no film is too long. Its header has 16 bytes.
    mdat = pack("I", 1) + b"mdat" + pack("Q", size + 16)
    # The offset of the samples is in moov itself; moov's length does not depend on it, so a first draft measures it.
    length = len(_moov(track, 0))
    return ftyp + _moov(track, len(ftyp) + length + len(mdat)) + mdat


def box(kind: str, *body: bytes) -> bytes:
    """Return a box of the given kind, its body joined from parts."""
    content = b"".join(body)
    return pack("I", len(content) + 8) + kind.encode("ascii") + content


def pack(form: str, *numbers: int) -> bytes:
    """Return numbers as big-endian bytes; `form` as in `struct`."""
    return struct.pack(">" + form, *numbers)


def _moov(track: Track, first_byte: int) -> bytes:
    ticks = len(track.sizes) * track.fps.denominator
    scale = track.fps.numerator
    clock = pack("IIIII", 0, 0, 0, scale, ticks)
    mvhd = box("mvhd", clock, pack("IH10x", 0x10000, 0x0100), UNITY, pack("24xI", 2))
    shown = pack("IIIIII", 7, 0, 0, 1, 0, ticks)
    tkhd = box("tkhd", shown, pack("8xHHHH", 0, 0, 0, 0), UNITY, pack("II", track.width << 16, track.height << 16))
    mdhd = box("mdhd", clock, pack("HH", UNDETERMINED, 0))
    hdlr = box("hdlr", pack("II", 0, 0), b"vide", bytes(12), b"splatseg\0")
    where = box("dinf", box("dref", pack("II", 0, 1), box("url ", pack("I", 1))))
    minf = box("minf", box("vmhd", pack("IHHHH", 1, 0, 0, 0, 0)), where, _sample_tables(track, first_byte))
    return box("moov", mvhd, box("trak", tkhd, box("mdia", mdhd, hdlr, minf)))


def _sample_tables(track: Track, first_byte: int) -> bytes:
    count = len(track.sizes)
    entry = box(
        "av01",
        pack("6xH16xHH", 1, track.width, track.height),
        pack("IIIH", 0x480000, 0x480000, 0, 1),  # 72 dots an inch; one frame a sample
        bytes(32),
        pack("Hh", 24, -1),
        box("av1C", track.configuration),
        box("colr", track.colors),
    )
    return box(
        "stbl",
        box("stsd", pack("II", 0, 1), entry),
        box("stts", pack("IIII", 0, 1, count, track.fps.denominator)),
        box("stss", pack("II", 0, len(track.keys)), *(pack("I", key + 1) for key in track.keys)),
        box("stsc", pack("IIIII", 0, 1, 1, count, 1)),
        box("stsz", pack("III", 0, 0, count), *(pack("I", size) for size in track.sizes)),
        box("co64", pack("IIQ", 0, 1, first_byte)),
    )
