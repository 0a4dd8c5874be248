"""AV1 encoding by Pillow: its animated AVIF pictures are an AV1 video in another container, which is unwrapped here.

A film is encoded in groups of frames, each an animation of its own that begins with a key frame; so memory is bounded
by a group, and a player can jump to every group. The groups have the same sequence header, so that their samples follow
one another as one video.

Source: the AVIF specification 1.1 (an image sequence is a track of AV1 samples, as in `mp4`).
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, features

from splatseg.errors import RunError
from splatseg.machine.threads import Workers

GROUP = 48
"""Frames from one key frame to the next."""

SPEED = 8
"""Speed of the encoder, 0 to 10: five and more times as fast as its default, 6, for a third more bytes."""

QUALITY = 80
"""Quality of the encoder, 0 to 100. At 80 a film of a splat cannot be told from its frames by eye; 5 to 10 kB a frame
of 1280x720."""

WAITING_BYTES = 1 << 29
"""Bytes of pixels of groups that are encoded at once; one group is encoded in any case."""

DELIMITER = b"\x12\x00"
"""The temporal delimiter OBU."""

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
"""Kinds of boxes whose body is a list of boxes."""


@dataclass(frozen=True)
class Group:
    """One group of encoded frames."""

    samples: list[bytes]
    """AV1 samples, one a frame; the first is a key frame."""
    configuration: bytes
    """Body of the box av1C, which a decoder needs."""
    colors: bytes
    """Body of the box colr: how players show the colours."""


def av1_available() -> bool:
    """Check that the installed Pillow can encode AV1 (its wheels can; some distributions' builds cannot)."""
    return bool(features.check("avif")) and Image.registered_extensions().get(".avif") == "AVIF"


def encode_groups(
    frames: Iterable[np.ndarray], fps: float, workers: Workers, quality: int = QUALITY
) -> Iterator[Group]:
    """Encode frames (H,W,3) uint8 of one size, group by group. Raises RunError if Pillow has no AV1 encoder."""
    if not av1_available():
        raise RunError("the installed Pillow has no AV1 encoder; upgrade it (pip install -U pillow), or install ffmpeg")
    groups = _grouped(frames)
    first = next(groups, None)
    if first is None:
        return
    most = max(1, min(workers.count, WAITING_BYTES // sum(4 * image.width * image.height for image in first)))
    yield from workers.in_order(
        lambda pictures: _encode(pictures, fps, quality), itertools.chain([first], groups), int(most)
    )


def _grouped(frames: Iterable[np.ndarray]) -> Iterator[list[Image.Image]]:
    waiting: list[Image.Image] = []
    for frame in frames:
        waiting.append(Image.fromarray(np.ascontiguousarray(frame)))
        # An animation of a single frame would be a still picture, with another header: two frames are held back.
        if len(waiting) == GROUP + 2:
            yield waiting[:GROUP]
            waiting = waiting[GROUP:]
    if waiting:
        yield waiting


def _encode(pictures: list[Image.Image], fps: float, quality: int) -> Group:
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "AVIF",
        save_all=True,
        append_images=pictures[1:] or pictures,
        duration=max(round(1000 / fps), 1),
        speed=SPEED,
        quality=quality,
        range="limited",  # what players expect of a video, whatever its header says
        max_threads=1,  # with more, the encoder's result depends on how many they are
    )
    group = unwrap(buffer.getvalue())
    return Group(group.samples[: len(pictures)], group.configuration, group.colors)


def unwrap(avif: bytes) -> Group:
    """Return the AV1 samples of an animated AVIF, which lie one after the other in one chunk."""
    boxes = dict(_boxes(avif, 0, len(avif)))
    (count,) = struct.unpack_from(">I", boxes[b"stsz"], 8)
    (equal,) = struct.unpack_from(">I", boxes[b"stsz"], 4)
    sizes = (equal,) * count if equal else struct.unpack_from(f">{count}I", boxes[b"stsz"], 12)
    chunks, at = struct.unpack_from(">II", boxes[b"stco"], 4)
    assert chunks == 1, "libavif writes all samples of an animation as one chunk"
    samples = []
    for size in sizes:
        # Delimiters between frames are for bare streams; in a file the table of sizes separates frames.
        samples.append(avif[at : at + size].removeprefix(DELIMITER))
        at += size
    # Some players need the header before the first sample: av1C may end with a copy of it.
    return Group(samples, boxes[b"av1C"][:4] + _sequence_header(samples[0]), boxes[b"colr"])


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of the boxes of the track, including boxes inside others."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", content, start)
        assert 8 <= length <= end - start, "a box ends inside the box around it"
        yield kind, content[start + 8 : start + length]
        inside = {b"stsd": 16, b"av01": 86}.get(kind, 8 if kind in CONTAINERS else 0)
        if inside:
            yield from _boxes(content, start + inside, start + length)
        start += length


def _sequence_header(sample: bytes) -> bytes:
    """Return the sequence header OBU, with which a key frame begins: a byte of kind (1), its length, its body."""
    kind, length = sample[0] >> 3 & 15, sample[1]
    assert kind == 1 and sample[0] & 2 and length < 128, "a group begins with a sequence header"
    return sample[: 2 + length]
