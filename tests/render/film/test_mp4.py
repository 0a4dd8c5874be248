"""The boxes of an .mp4: each is as long as it says, and the tables find every frame."""

from __future__ import annotations

from fractions import Fraction

from mp4_boxes import boxes, numbers

from splatseg.render.film.mp4 import Track, mp4_head


def film() -> tuple[bytes, list[bytes]]:
    samples = [bytes([index]) * (5 + 3 * index) for index in range(7)]
    sizes = [len(sample) for sample in samples]
    track = Track(640, 360, Fraction(30000, 1001), b"\x81\0\0\0", b"nclx\0\1\0\r\0\6\0", sizes, [0, 4])
    return mp4_head(track) + b"".join(samples), samples


def test_boxes_fill_the_file_and_one_another() -> None:
    content, samples = film()
    found = boxes(content)
    assert list(found)[:2] == ["ftyp", "moov"] and list(found)[-1] == "mdat"
    assert found["ftyp"][:4] == b"isom" and b"av01" in found["ftyp"]
    assert found["hdlr"][8:12] == b"vide" and found["mdat"] == b"".join(samples)


def test_the_tables_find_every_frame() -> None:
    content, samples = film()
    found = boxes(content)
    (at,) = numbers("Q", found["co64"], 8)
    sizes = numbers("7I", found["stsz"], 12)
    for sample, size in zip(samples, sizes, strict=True):
        assert content[at : at + size] == sample
        at += size
    assert at == len(content)
    assert numbers("4I", found["stss"]) == (0, 2, 1, 5)
    assert numbers("5I", found["stsc"]) == (0, 1, 1, 7, 1)


def test_time_and_size_are_said_alike_everywhere() -> None:
    found = boxes(film()[0])
    assert numbers("4I", found["stts"]) == (0, 1, 7, 1001)
    assert numbers("2I", found["mdhd"], 12) == numbers("2I", found["mvhd"], 12) == (30000, 7007)
    assert numbers("I", found["tkhd"], 20) == (7007,)
    assert numbers("2I", found["tkhd"], 76) == (640 << 16, 360 << 16)
    assert numbers("2H", found["av01"], 24) == (640, 360)
    assert found["av1C"] == b"\x81\0\0\0" and found["colr"].startswith(b"nclx")
