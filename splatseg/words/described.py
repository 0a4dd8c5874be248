"""Segments described by vectors, kept with the run: a query in words then costs one text embedding and a few products.

One safetensors file: `ids` (S,), `vectors` (S,D) unit rows, `marks` (S,) checksums of the segments' Gaussians,
`word_vectors` (W,D) unit rows; the words, the encoder and the path of its weights in the metadata, as JSON.

Alphabet: S segments, D dimensions, W words, N Gaussians.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.errors import RunError
from splatseg.splats.made_of import as_fact
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.documents import Field, parse_json
from splatseg.words.crops import Crop
from splatseg.words.encoder import Encoder
from splatseg.words.vocabulary import caption

FORMAT = "splatseg words 1"
"""Name of the format, in the metadata of the file."""


@dataclass(frozen=True, eq=False)
class Described:
    """Descriptions of segments by an encoder."""

    ids: np.ndarray
    """(S,) int32."""
    vectors: np.ndarray
    """(S,D) float32, unit rows."""
    marks: np.ndarray
    """(S,) int64, see `marks_of`."""
    words: tuple[str, ...]
    """The W common words."""
    word_vectors: np.ndarray
    """(W,D) float32, unit rows."""
    encoder: str
    """Name of the encoder that made the vectors."""
    weights: str
    """Folder or name that the encoder was loaded from."""

    def __post_init__(self) -> None:
        check_shapes(
            ids=(self.ids, "S"),
            vectors=(self.vectors, "S D"),
            marks=(self.marks, "S"),
            word_vectors=(self.word_vectors, "W D"),
        )
        assert len(self.words) == len(self.word_vectors)

    def changed(self, segment_ids: np.ndarray) -> list[int]:
        """Return the described segments that have other Gaussians by now, or are missing from segment_ids (N,).

        Segments without a description do not count: segments that no view shows never have one.
        """
        now = marks_of(segment_ids)
        return [
            segment_id
            for segment_id, mark in zip(self.ids.tolist(), self.marks.tolist(), strict=True)
            if now.get(segment_id) != mark
        ]

    def those(self, segment_ids: np.ndarray) -> Described:
        """Return the descriptions whose segments are still in segment_ids (N,)."""
        there = np.isin(self.ids, segment_ids)
        return replace(self, ids=self.ids[there], vectors=self.vectors[there], marks=self.marks[there])


def describe(
    crops: Mapping[int, Sequence[Crop]],
    segment_ids: np.ndarray,
    encoder: Encoder,
    words: Sequence[str],
    weights: str = "",
) -> Described:
    """Return segments described by vectors, the mean over all crops of each, plain and alone; and words by theirs.

    segment_ids (N,): the present segment of each Gaussian. weights: folder or name that the encoder was loaded from, to
    be kept.
    """
    ids = sorted(crops)
    pictures = [picture for i in ids for crop in crops[i] for picture in (crop.plain, crop.alone)]
    owner = np.repeat(np.arange(len(ids)), [2 * len(crops[i]) for i in ids])
    vectors = encoder.images(pictures)
    sums = np.zeros((len(ids), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, owner, vectors)
    marks = marks_of(segment_ids)
    return Described(
        ids=np.array(ids, dtype=np.int32),
        vectors=sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12),
        marks=np.array([marks.get(i, 0) for i in ids], dtype=np.int64),
        words=tuple(words),
        word_vectors=encoder.texts([caption(word) for word in words]),
        encoder=encoder.name,
        weights=weights,
    )


def marks_of(segment_ids: np.ndarray) -> dict[int, int]:
    """Return a checksum of the Gaussians of each segment of segment_ids (N,), by id.

    Segments with the same Gaussians have the same one, others almost surely another.
    """
    ids = np.asarray(segment_ids)
    order = np.argsort(ids, kind="stable").astype(np.int64)
    unique, starts = np.unique(ids[order], return_index=True)
    parts: Iterable[np.ndarray] = np.split(order, starts[1:])
    return {
        int(segment_id): zlib.crc32(rows.tobytes())
        for segment_id, rows in zip(unique, parts, strict=True)
        if segment_id > 0
    }


def write_described(path: Path, described: Described, made_of: Mapping[str, str] | None = None) -> None:
    """Write descriptions atomically. made_of: digests of the splat they belong to (`splats.made_of`)."""
    tensors = {name: getattr(described, name) for name in ("marks", "vectors", "word_vectors", "ids")}
    facts = {"words": json.dumps(described.words), "encoder": described.encoder, "weights": described.weights}
    write_tensors(path, FORMAT, tensors, facts | as_fact(made_of))


def read_described(path: Path) -> Described:
    """Read descriptions written by `write_described`. Raises RunError if missing, damaged, or of another version."""
    again = f"run `splatseg words {path.parent} --model DIR`"
    if not path.exists():
        raise RunError(f"there is no {path}: the segments are not described yet; {again}")
    return read_tensors(path, FORMAT, f"{again} again", _decoded, damaged="is damaged")


def _decoded(tensors: dict[str, np.ndarray], facts: dict[str, Any]) -> Described:
    known = Field(facts)
    for name, kind in (("ids", "i"), ("marks", "i"), ("vectors", "f"), ("word_vectors", "f")):
        if tensors[name].dtype.kind != kind or not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} does not hold {'whole' if kind == 'i' else 'finite'} numbers")
    return Described(
        ids=tensors["ids"],
        vectors=tensors["vectors"],
        marks=tensors["marks"],
        words=tuple(word.text() for word in parse_json(known["words"].text()).items()),
        word_vectors=tensors["word_vectors"],
        encoder=known["encoder"].text(),
        weights=known["weights"].text(),
    )
