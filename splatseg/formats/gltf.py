"""Splats as binary glTF (.glb): KHR_gaussian_splatting, with the segments as features.

One POINTS primitive with these attributes, in the extension's terms:

    POSITION   KHR_gaussian_splatting:ROTATION xyzw   :SCALE linear   :OPACITY 0..1   :SH_DEGREE_l_COEF_n   COLOR_0
    _FEATURE_ID_0, by EXT_mesh_features the segment id of each Gaussian, 0 = none, and the row of a property table of
    EXT_structural_metadata with the name, colour (sRGB bytes) and count of every segment and the parent it is part of

Alphabet: N Gaussians; R = highest id + 1 rows; row 0 and unused ids have an empty name and count 0. glTF has y up, z
forward, x left: the splat is turned by `half_turn` around z, which rounds nothing. The extension's harmonics are those
of 3D Gaussian Splatting and ours. COLOR_0 is for viewers without the extension, which show points. Feature ids are
unsigned shorts, or floats if an id is above 65,535: glTF has no attributes of 32-bit integers. Sources: the extensions'
specifications (Khronos; Cesium) and glTF 2.0.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import splatseg.version
from splatseg.cameras.coordinates import Coordinates
from splatseg.errors import OutputError
from splatseg.files import atomic_write
from splatseg.segments.segment import Segment, described_as
from splatseg.splats.activations import Y0
from splatseg.splats.half_turn import half_turn
from splatseg.splats.splats import Splats

KHR = "KHR_gaussian_splatting"
BYTE, SHORT, FLOAT = 5121, 5123, 5126
"""glTF's numbers of component types, all unsigned but float."""

ARRAY_BUFFER = 34962
"""glTF's number of a buffer view of vertex attributes."""

LARGEST = 2**32 - 1
"""Largest size of a .glb in bytes: its lengths are 32-bit numbers."""

LARGEST_ID = 2**24
"""Largest segment id: up to here a float represents every whole number."""


def write_glb(path: Path, splats: Splats, segments: Sequence[Segment] = ()) -> None:
    """Write a splat as .glb, atomically; `segments` names and colours the segments. Features are left out.

    Raises OutputError if the file would be larger than a .glb can be (4 GiB), or a segment id is above `LARGEST_ID`.
    """
    if splats.segment_ids is not None and len(splats) and (highest := int(splats.segment_ids.max())) > LARGEST_ID:
        raise OutputError(
            f"{path} cannot hold the segment id {highest}, the largest in a .glb is {LARGEST_ID}; use .usdc, or leave "
            f"ids out with --plain"
        )
    body, turned = _Body(), half_turn(splats, 2)
    primitive: dict[str, Any] = {
        "attributes": _attributes(body, turned),
        "mode": 0,
        "extensions": {
            KHR: {
                "kernel": "ellipse",
                "colorSpace": "srgb_rec709_display",
                "projection": "perspective",
                "sortingMethod": "cameraDistance",
            }
        },
    }
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"splatseg {splatseg.version.__version__}"},
        "extensionsUsed": [KHR],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "splat", **_placed(turned.coordinates)}],
        "meshes": [{"primitives": [primitive]}],
    }
    if splats.segment_ids is not None and len(splats):
        table = described_as(splats, segments)
        _add_features(document, primitive, body, splats.segment_ids.cpu().numpy(), table)
    document |= {"buffers": [{"byteLength": body.size}], "bufferViews": body.views, "accessors": body.accessors}
    _put(path, json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(), body)


def _placed(coordinates: Coordinates) -> dict[str, Any]:
    """Return the properties of a node that put a world into the user's own coordinates."""
    return {} if coordinates.is_own else {"translation": coordinates.centre, "scale": [coordinates.scale] * 3}


class _Body:
    """The binary part of the file: blocks of bytes, each a buffer view that begins at a multiple of 8."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.size = 0

    def view(self, block: bytes, **facts: Any) -> int:
        """Add bytes; return the number of their buffer view."""
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": len(block), **facts})
        padding = b"\0" * (-len(block) % 8)
        self.blocks += [block, padding]
        self.size += len(block) + len(padding)
        return len(self.views) - 1

    def attribute(self, array: np.ndarray, kind: int, **facts: Any) -> int:
        """Add a vertex attribute (N,) or (N,C), each row a multiple of 4 bytes; return the number of its accessor."""
        row = array.itemsize * (array.shape[1] if array.ndim == 2 else 1)
        view = self.view(np.ascontiguousarray(array).tobytes(), target=ARRAY_BUFFER, byteStride=row)
        shape = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}[array.shape[1] if array.ndim == 2 else 1]
        self.accessors.append({"bufferView": view, "componentType": kind, "count": len(array), "type": shape} | facts)
        return len(self.accessors) - 1


def _attributes(body: _Body, splats: Splats) -> dict[str, int]:
    """Add the attributes of a turned splat; return accessor numbers by attribute name."""

    def floats(values: torch.Tensor) -> np.ndarray:
        return values.detach().cpu().numpy().astype("<f4")

    means = floats(splats.means)
    unit = torch.nn.functional.normalize(splats.quats.detach(), dim=1)
    rgba = torch.cat([0.5 + Y0 * splats.sh0.detach(), splats.opacities.detach()[:, None]], 1)
    ends = {"min": means.min(0).tolist(), "max": means.max(0).tolist()} if len(means) else {}
    attributes = {
        "POSITION": body.attribute(means, FLOAT, **ends),
        "COLOR_0": body.attribute(
            (rgba * 255).round().clamp(0, 255).cpu().numpy().astype(np.uint8), BYTE, normalized=True
        ),
        f"{KHR}:ROTATION": body.attribute(floats(unit[:, (1, 2, 3, 0)]), FLOAT),  # wxyz to xyzw
        f"{KHR}:SCALE": body.attribute(floats(splats.scales), FLOAT),
        f"{KHR}:OPACITY": body.attribute(floats(splats.opacities), FLOAT),
        f"{KHR}:SH_DEGREE_0_COEF_0": body.attribute(floats(splats.sh0), FLOAT),
    }
    for degree in range(1, splats.sh_degree + 1):
        for order in range(2 * degree + 1):
            # Degree l begins at index l^2 of all harmonics; shN lacks the constant one.
            values = splats.shN[:, degree * degree - 1 + order]
            attributes[f"{KHR}:SH_DEGREE_{degree}_COEF_{order}"] = body.attribute(floats(values), FLOAT)
    return attributes


def _add_features(
    document: dict[str, Any], primitive: dict[str, Any], body: _Body, ids: np.ndarray, segments: Sequence[Segment]
) -> None:
    """Add the segment ids (N,) as feature ids, and the table of segments as their properties."""
    counts = np.bincount(ids)
    if len(counts) <= 2**16:
        padded = np.stack([ids, np.zeros_like(ids)], 1).astype("<u2")  # a row of an attribute is a multiple of 4 bytes
        view = body.view(padded.tobytes(), target=ARRAY_BUFFER, byteStride=4)
        body.accessors.append({"bufferView": view, "componentType": SHORT, "count": len(ids), "type": "SCALAR"})
        primitive["attributes"]["_FEATURE_ID_0"] = len(body.accessors) - 1
    else:
        primitive["attributes"]["_FEATURE_ID_0"] = body.attribute(ids.astype("<f4"), FLOAT)
    primitive["extensions"]["EXT_mesh_features"] = {
        "featureIds": [
            {
                "featureCount": int((counts[1:] > 0).sum()) or 1,
                "nullFeatureId": 0,
                "label": "segment",
                "attribute": 0,
                "propertyTable": 0,
            }
        ]
    }
    document["extensions"] = {"EXT_structural_metadata": _metadata(body, counts, segments)}
    document["extensionsUsed"] += ["EXT_mesh_features", "EXT_structural_metadata"]


def _metadata(body: _Body, counts: np.ndarray, segments: Sequence[Segment]) -> dict[str, Any]:
    """Return the schema and the property table of segments, whose counts are (R,)."""
    rows = {segment.id: segment for segment in segments}
    names, colors, parents = [b""] * len(counts), np.zeros((len(counts), 3), np.uint8), np.zeros(len(counts), "<u4")
    for segment_id in filter(None, np.flatnonzero(counts).tolist()):
        names[segment_id] = rows[segment_id].name.encode()
        colors[segment_id], parents[segment_id] = rows[segment_id].color, rows[segment_id].parent or 0
    # Name r is the bytes offsets[r]..offsets[r + 1] of all names joined.
    offsets = np.cumsum([0, *map(len, names)]).astype("<u4")
    known = np.where(np.arange(len(counts)) > 0, counts, 0).astype("<u4")
    number = {"type": "SCALAR", "componentType": "UINT32"}
    return {
        "schema": {
            "id": "splatseg",
            "classes": {
                "segment": {
                    "properties": {
                        "name": {"type": "STRING"},
                        "color": {"type": "VEC3", "componentType": "UINT8", "description": "sRGB, 0..255"},
                        "count": number | {"description": "Gaussians of the segment"},
                        "parent": number | {"description": "id of the segment this one is part of, 0 = none"},
                    }
                }
            },
        },
        "propertyTables": [
            {
                "name": "segments",
                "class": "segment",
                "count": len(counts),
                "properties": {
                    "name": {
                        "values": body.view(b"".join(names) or b"\0"),
                        "stringOffsets": body.view(offsets.tobytes()),
                        "stringOffsetType": "UINT32",
                    },
                    "color": {"values": body.view(colors.tobytes())},
                    "count": {"values": body.view(known.tobytes())},
                    "parent": {"values": body.view(parents.tobytes())},
                },
            }
        ],
    }


def _put(path: Path, text: bytes, body: _Body) -> None:
    """Write the two chunks of a .glb, JSON padded with blanks and the binary part. Raises OutputError if too large."""
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + body.size
    if total > LARGEST:
        raise OutputError(f"{path} would have {total} bytes, and a .glb holds at most {LARGEST}; export fewer segments")
    with atomic_write(Path(path)) as file:
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", body.size, b"BIN\0"))
        for block in body.blocks:
            file.write(block)
