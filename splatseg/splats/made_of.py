"""Digests of what a file was made of, kept in the file, so that a stale one is never taken for a fresh one.

    geometry    means, quats, log_scales, opacity_logits        votes, hierarchy, words, earlier and unsaved segments,
    features    the features (N,F)                              selections, label maps, evaluation and report carry
    segments    segment ids (N,)                                those they follow from

A splat file carries none: its geometry, features and ids are one file. Names, colours and the other columns of the
table of segments are in no digest, so editing them makes nothing stale. Files of earlier versions carry no digests
and are taken as they are.

Source: BLAKE2b (Aumasson et al. 2013), 128 bits, as Python has it.
"""

from __future__ import annotations

import hashlib
import json
import re
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import safe_open

from splatseg.splats.stored import StoredSplats
from splatseg.tensors import DAMAGE
from splatseg.untrusted.documents import DocumentError, Field, parse_json, read_json
from splatseg.untrusted.memory import Guard

if TYPE_CHECKING:
    from torch import Tensor

    from splatseg.splats.splats import Splats

    AnySplats = Splats | StoredSplats

KEY = "made_of"
"""Name of the digests in a file."""

GEOMETRY, FEATURES, SEGMENTS = "geometry", "features", "segments"
"""Names of the parts of a splat."""

ROWS = 1 << 16
"""Most Gaussians whose features are read: features of other masks differ in every row, and all rows take long."""

_HEAD = 1 << 16
"""Bytes at the beginning of a page that hold its digests."""

_KNOWN: weakref.WeakKeyDictionary[AnySplats, dict[str, tuple[tuple[int, ...], str]]] = weakref.WeakKeyDictionary()
"""Digests of splats in memory, with the versions of their tensors: whoever writes into a tensor changes its version."""


def made_of(splats: AnySplats, *parts: str) -> dict[str, str]:
    """Return the digests of some parts of a splat by name; a part that the splat lacks is left out."""
    found = {}
    known = _KNOWN.setdefault(splats, {})
    for part in parts:
        tensors = [tensor for tensor in _tensors(splats, part) if tensor is not None]
        if not tensors:
            continue
        # Nobody writes into the arrays of a stored splat.
        versions = tuple(0 if isinstance(tensor, np.ndarray) else tensor._version for tensor in tensors)
        if known.get(part, ((), ""))[0] != versions:
            known[part] = (versions, _digest(part, tensors))
        found[part] = known[part][1]
    return found


def sampled_rows(count: int) -> np.ndarray:
    """Return the rows (n,) int32 of `count` Gaussians whose features are in the digest of the features."""
    return np.arange(0, count, max(1, count // ROWS), dtype=np.int32)


def digest_of_features(count: int, sample: np.ndarray) -> str:
    """Return the digest of features (count,F) of which `sampled_rows` are the sample (n,F)."""
    return _hashed(((count, sample.shape[1]), np.ascontiguousarray(sample, "<f4")))


def as_fact(digests: Mapping[str, str] | None) -> dict[str, str]:
    """Return digests as a fact for `tensors.write_tensors`, or as a text of a PNG; nothing for None."""
    return {} if digests is None else {KEY: json.dumps(dict(digests))}


def recorded(path: Path) -> dict[str, str]:
    """Return the digests that a file carries; none for a file of an earlier version, and for one that cannot be read.

    path: a .safetensors, .json, .png or .html.
    """
    try:
        found = _found(Path(path))
        return {} if found is None else {name: digest.text() for name, digest in found.entries().items()}
    except DAMAGE:
        return {}


def changed_parts(digests: Mapping[str, str], splats: AnySplats) -> list[str]:
    """Return the parts that a splat has otherwise than the digests say; parts that either lacks do not count."""
    now = made_of(splats, *digests)
    return [part for part, digest in digests.items() if part in now and now[part] != digest]


def is_stale(path: Path, splats: AnySplats) -> bool:
    """Tell whether a file was made of another splat, by the digests it carries."""
    return bool(changed_parts(recorded(path), splats))


def _tensors(splats: AnySplats, part: str) -> list[Tensor | np.ndarray | None]:
    if part == GEOMETRY:
        return [splats.means, splats.quats, splats.log_scales, splats.opacity_logits]
    return [{FEATURES: splats.features, SEGMENTS: splats.segment_ids}.get(part)]


def _digest(part: str, tensors: list[Tensor | np.ndarray]) -> str:
    parts = []
    for tensor in tensors:
        values = tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()
        if part == FEATURES:
            values = values[sampled_rows(len(values))]
        parts.append((tuple(tensor.shape), np.ascontiguousarray(values, "<i4" if part == SEGMENTS else "<f4")))
    return _hashed(*parts)


def _hashed(*parts: tuple[tuple[int, ...], np.ndarray]) -> str:
    """Return the digest of arrays and the shapes of what they stand for."""
    hashed = hashlib.blake2b(digest_size=16)
    for shape, values in parts:
        hashed.update(f"{shape}".encode())
        hashed.update(values.reshape(-1).view(np.uint8).data)
    return hashed.hexdigest()


def _found(path: Path) -> Field | None:
    if path.suffix == ".json":
        return read_json(path).get(KEY)
    text: Any = None
    if path.suffix == ".safetensors":
        with safe_open(str(path), framework="numpy") as file:
            facts = file.metadata() or {}
        text = Field(facts).get(KEY) or (parse_json(facts["facts"]).get(KEY) if "facts" in facts else None)
        text = None if text is None else text.text()
    elif path.suffix == ".png":
        from splatseg.untrusted.images import open_image  # noqa: PLC0415 (of pictures alone, and Pillow takes a while)

        try:
            with open_image(path, Guard.of(path, DocumentError), each=1) as image:
                text = image.info.get(KEY)
        except Exception as error:  # decoders raise nearly anything on damaged files
            raise DocumentError("it is no picture") from error
    else:
        with path.open("rb") as page:
            head = page.read(_HEAD).decode("utf-8", errors="replace")
        match = re.search(f'<meta name="splatseg-{KEY}" content="([^"]*)">', head)
        text = None if match is None else match.group(1).replace("&quot;", '"')
    if text is None:
        return None
    if not isinstance(text, str):
        raise DocumentError("its digests are no text")
    return parse_json(text)
