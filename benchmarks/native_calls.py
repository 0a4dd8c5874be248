"""Calls of the native extension: one that is right for every function, and ways to make it wrong.

`benchmarks/fuzz_native.py` makes them in great numbers, `tests/raster/test_malformed_calls.py` a few of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.random import Generator

from splatseg import _native

COUNT, HEIGHT, WIDTH, CHANNELS = 40, 35, 45, 5  # Gaussians; an image that no tile divides
MASKS, VIEWS, LAYERS, SEGMENTS, ENTRIES = 7, 3, 2, 4, 90
POSES = [0.01, 0.3, 1 / 255, 0.999, 1e-4, 0.3]

Arguments = dict[str, Any]


def floats(rng: Generator, *shape: int) -> np.ndarray:
    """Random float32 above 0."""
    return rng.uniform(0.1, 1.0, shape).astype(np.float32)


def whole(rng: Generator, high: int, *shape: int, dtype: type = np.int32) -> np.ndarray:
    """Random whole numbers 0..high - 1."""
    return rng.integers(0, high, shape).astype(dtype)


def geometry(rng: Generator) -> tuple[np.ndarray, ...]:
    """Means, quats, scales and opacities of Gaussians in front of the camera, and offsets."""
    means = np.concatenate([floats(rng, COUNT, 2) - 0.5, 1 + 2 * floats(rng, COUNT, 1)], axis=1)
    offsets = (floats(rng, COUNT, 2) - 0.5).astype(np.float32)
    return means, floats(rng, COUNT, 4), 0.1 * floats(rng, COUNT, 3), floats(rng, COUNT), offsets


def camera_arguments() -> Arguments:
    """Of the camera that all plans have."""
    K = np.array([[30.0, 0, WIDTH / 2], [0, 30.0, HEIGHT / 2], [0, 0, 1]])
    return {"viewmat": np.eye(4), "K": K, "width": WIDTH, "height": HEIGHT, "cutoffs": list(POSES)}


def csr_arguments(rng: Generator) -> Arguments:
    """Of a matrix (N, MASKS) with ascending columns."""
    dense = np.where(rng.uniform(size=(COUNT, MASKS)) < 0.4, floats(rng, COUNT, MASKS), 0)
    columns = np.nonzero(dense)[1].astype(np.int32)
    starts = np.concatenate([[0], np.cumsum((dense != 0).sum(axis=1))]).astype(np.int64)
    return {"indptr": starts, "columns": columns, "weights": dense[dense != 0], "width": MASKS}


def gram(rng: Generator, matrix: object) -> object:
    """Return sums of one share, which is all of a matrix (N, MASKS)."""
    sums = _native.gram_sums(COUNT, floats(rng, MASKS, CHANNELS), 1 << 20, 1)
    _native.gram_product(matrix, floats(rng, COUNT), sums, 0, 1, 1)
    return sums


def tallied(rng: Generator, matrix: object) -> tuple[object, np.ndarray, np.ndarray, np.ndarray]:
    """Return closed tallies of a matrix (N, MASKS), and arrays that have room for them."""
    tallies = _native.OpenTallies(SEGMENTS, MASKS, VIEWS)
    masks = (np.sort(whole(rng, VIEWS, MASKS)), whole(rng, LAYERS, MASKS), VIEWS, LAYERS)
    _native.tallies(matrix, masks, whole(rng, SEGMENTS, COUNT), tallies, 1)
    entries = _native.close_tallies(tallies)
    return tallies, np.zeros(SEGMENTS + 1, np.int64), np.zeros(entries, np.int32), floats(rng, entries)


def tally(rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers and sums of a set that some masks and views have something of."""
    numbers = np.flatnonzero(rng.random(MASKS + VIEWS) < 0.7).astype(np.int32)
    return numbers, floats(rng, len(numbers))


def tree_of(points: np.ndarray) -> object:
    """Return the tree of points (n,3)."""
    return _native.point_tree(points, None, None, 1)


def placed(points: np.ndarray) -> Arguments:
    """Return points (n,3) and their tree."""
    return {"tree": tree_of(points), "points": points}


class Objects:
    """Plans and matrices, made once: calls only read them."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.camera = _native.Camera(**camera_arguments())
        means, quats, scales, opacities, _ = geometry(rng)
        radii = np.zeros(COUNT, np.int32)
        self.plan = _native.prepare(means, quats, scales, opacities, None, self.camera, radii, 1)
        self.votes = _native.csr_matrix(**csr_arguments(rng), threads=1)
        pixels = whole(rng, HEIGHT, 8, 2, dtype=np.int64)
        self.weights = _native.pixel_weights(self.plan, pixels, 1)
        labels = whole(rng, MASKS + 1, LAYERS, HEIGHT, WIDTH)
        self.kept = _native.vote_above(self.plan, labels, MASKS, 0.0, 0.0, 0, np.zeros(COUNT, np.float32), 1)
        other = _native.Camera(**camera_arguments() | {"width": 7, "height": 9})
        none = [array[:0] for array in (means, quats, scales, opacities)]
        strangers = [
            _native.prepare(means, quats, scales, opacities, None, other, radii, 1),
            _native.prepare(*none, None, self.camera, radii[:0], 1),
            _native.csr_matrix(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), 2**31 - 1, 1),
        ]
        self.all = [self.plan, self.votes, self.weights, self.kept, self.camera, *strangers]
        """Objects of the extension that may stand where they do not belong."""


def raster_calls(rng: Generator, made: Objects) -> dict[str, Callable[[], Arguments]]:
    """Arguments of the functions of native/bindings/raster.cpp and machine.cpp, fresh at every call."""
    image, layer = (HEIGHT, WIDTH, CHANNELS), (HEIGHT, WIDTH)

    def prepare() -> Arguments:
        means, quats, scales, opacities, offset = geometry(rng)
        geometry_ = {"means": means, "quats": quats, "scales": scales, "opacities": opacities}
        radii = np.zeros(COUNT, np.int32)
        return geometry_ | {"means2d_offset": offset, "camera": made.camera, "radii": radii, "threads": 2}

    def backward() -> Arguments:
        return {
            "plan": made.plan,
            "geometry": geometry(rng),
            "features": floats(rng, COUNT, CHANNELS),
            "blended": floats(rng, *image),
            "alphas": floats(rng, *layer),
            "grad_blended": floats(rng, *image),
            "grad_alphas": floats(rng, *layer),
            "grad_features": floats(rng, COUNT, CHANNELS),
            "grads": tuple(np.zeros_like(array) for array in geometry(rng)),
            "growth": (whole(rng, 9, COUNT), floats(rng, COUNT), floats(rng, COUNT)),
            "threads": 2,
        }

    plan = {"plan": made.plan, "threads": 2}
    return {
        "Camera": camera_arguments,
        "prepare": prepare,
        "blend": lambda: (
            plan
            | {"features": floats(rng, COUNT, CHANNELS), "blended": floats(rng, *image), "alphas": floats(rng, *layer)}
        ),
        "blend_levels": lambda: (
            plan
            | {
                "levels": whole(rng, 4, COUNT, dtype=np.uint8),
                "count": 3,
                "share": 0.5,
                "out": whole(rng, 4, *layer, dtype=np.uint8),
            }
        ),
        "label_map": lambda: plan | {"labels": whole(rng, 4, COUNT), "count": 3, "out": whole(rng, 4, *layer)},
        "blend_middle": lambda: plan | {"values": floats(rng, COUNT), "out": floats(rng, *layer)},
        "accumulate": lambda: plan | {"values": floats(rng, *image), "sums": floats(rng, COUNT, CHANNELS)},
        "backward": backward,
        "pixel_weights": lambda: plan | {"pixels": whole(rng, HEIGHT, 8, 2, dtype=np.int64)},
        "empty": lambda: {"shape": (int(rng.integers(9)), 3)},
        "peak_gflops": lambda: {"threads": 1},
        "simd_level": dict,
        "simd_levels": dict,
        "use_one_heap": dict,
        "free_scratch": dict,
        "use_simd_level": lambda: {"name": _native.simd_level()},
    }


def votes_calls(rng: Generator, made: Objects) -> dict[str, Callable[[], Arguments]]:
    """Arguments of the functions of native/bindings/votes.cpp and sparse.cpp, fresh at every call."""

    def of_masks() -> Arguments:
        view_of, layer_of = np.sort(whole(rng, VIEWS, MASKS)), whole(rng, LAYERS, MASKS)
        return {"votes": made.votes, "masks": (view_of, layer_of, VIEWS, LAYERS), "threads": 2}

    def members() -> Arguments:
        return {name: whole(rng, 2, COUNT, dtype=np.uint8) for name in ("members", "out")}

    def matches() -> tuple[np.ndarray, ...]:
        first = np.concatenate([[0], np.cumsum(whole(rng, 3, MASKS))]).astype(np.int64)
        entries = int(first[-1])
        return first, whole(rng, SEGMENTS, entries), floats(rng, entries), floats(rng, SEGMENTS, VIEWS)

    def stack_views() -> Arguments:
        rows = [np.sort(whole(rng, COUNT, ENTRIES // VIEWS)) for _ in range(VIEWS)]
        views = [(r, whole(rng, MASKS, len(r)), floats(rng, len(r))) for r in rows]
        counts = np.bincount(np.concatenate(rows), minlength=COUNT)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        entries = int(indptr[-1])
        out = {"columns": whole(rng, MASKS, entries), "weights": floats(rng, entries)}
        return {"views": views, "begin": 0, "end": COUNT, "indptr": indptr, "threads": 2} | out

    def write_csr() -> Arguments:
        entries = made.weights.entries
        out = {"columns": whole(rng, 9, entries), "weights": floats(rng, entries)}
        return {"matrix": made.weights, "indptr": whole(rng, 9, 9, dtype=np.int64), "threads": 2} | out

    def write_entries() -> Arguments:
        entries = made.kept.entries
        out = {"rows": whole(rng, 9, entries), "columns": whole(rng, 9, entries), "weights": floats(rng, entries)}
        return {"votes": made.kept, "threads": 2} | out

    rows, masks = (COUNT,), (MASKS,)
    return {
        "vote": lambda: {
            "plan": made.plan,
            "label_maps": whole(rng, MASKS + 1, LAYERS, HEIGHT, WIDTH),
            "count": MASKS,
            "totals": floats(rng, *rows),
            "threads": 2,
        },
        "vote_above": lambda: {
            "plan": made.plan,
            "label_maps": whole(rng, MASKS + 1, LAYERS, HEIGHT, WIDTH),
            "count": MASKS,
            "share": 0.002,
            "least": 0.001,
            "ignored": MASKS,
            "totals": floats(rng, *rows),
            "threads": 2,
        },
        "write_entries": write_entries,
        "tallies": lambda: (
            of_masks()
            | {
                "groups": whole(rng, SEGMENTS, COUNT),
                "open": _native.OpenTallies(SEGMENTS, MASKS, VIEWS),
            }
        ),
        "under_masks": lambda: of_masks() | {"seen": floats(rng, *rows)},
        "follow_majority": lambda: {"votes": made.votes, "says": floats(rng, *masks), "threads": 2} | members(),
        "follow_matches": lambda: (
            of_masks() | {"weight": floats(rng, *masks), "quality": floats(rng, VIEWS)} | members()
        ),
        "reassigned": lambda: (
            of_masks()
            | {
                "matches": matches(),
                "ids": whole(rng, SEGMENTS, COUNT),
                "evidence": 0.1,
                "out": whole(rng, SEGMENTS, COUNT),
            }
        ),
        "close_tallies": lambda: {"tallies": tallied(rng, made.votes)[0]},
        "write_tallies": lambda: dict(
            zip(("tallies", "first", "numbers", "sums"), tallied(rng, made.votes), strict=True)
        ),
        "add_sparse_vectors": lambda: {
            "one": (np.arange(4, dtype=np.int32), floats(rng, 4)),
            "other": (np.arange(2, 8, dtype=np.int32), floats(rng, 6)),
            "numbers": np.zeros(10, np.int32),
            "sums": floats(rng, 10),
        },
        "best_masks": lambda: {
            "tally": tally(rng),
            "masks": (np.sort(whole(rng, VIEWS, MASKS)), floats(rng, MASKS), VIEWS),
            "columns": np.full(VIEWS, -1, np.int32),
            "values": np.zeros((2, VIEWS), np.float32),
        },
        "explained_by_union": lambda: {
            "one": tally(rng),
            "other": tally(rng),
            "masks": (np.sort(whole(rng, VIEWS, MASKS)), floats(rng, MASKS), VIEWS),
            "values": np.zeros((3, VIEWS), np.float32),
        },
        "weighted_rows": lambda: {
            "votes": made.votes,
            "weight": floats(rng, MASKS),
            "out": floats(rng, COUNT),
            "threads": 2,
        },
        "joined_masks": lambda: {
            "votes": made.votes,
            "heavy": whole(rng, 2, MASKS, dtype=np.uint8),
            "share": 0.5,
            "out": whole(rng, MASKS, MASKS),
            "threads": 2,
        },
        "stack_views": stack_views,
        "csr_matrix": lambda: csr_arguments(rng) | {"threads": 2},
        "csr_rows": lambda: csr_arguments(rng),
        "check_rows": lambda: {"matrix": _native.csr_rows(**csr_arguments(rng)), "end": COUNT, "threads": 2},
        "write_csr": write_csr,
        "sparse_product": lambda: {
            "matrix": made.votes,
            "dense": floats(rng, MASKS, CHANNELS),
            "out": floats(rng, COUNT, CHANNELS),
            "transposed": False,
            "threads": 2,
        },
        "gram_sums": lambda: {"height": COUNT, "dense": floats(rng, MASKS, CHANNELS), "room": 900, "threads": 2},
        "gram_product": lambda: {
            "matrix": made.votes,
            "scales": floats(rng, COUNT),
            "sums": _native.gram_sums(COUNT, floats(rng, MASKS, CHANNELS), 1 << 20, 2),
            "index": 0,
            "count": 2,
            "threads": 2,
        },
        "add_parts": lambda: {"sums": gram(rng, made.votes), "out": np.zeros((MASKS, CHANNELS)), "threads": 2},
        "add_columns": lambda: {"matrix": made.votes, "sums": np.zeros(MASKS)},
        "add_to_groups": lambda: {
            "values": floats(rng, COUNT, CHANNELS),
            "groups": whole(rng, SEGMENTS, COUNT),
            "sums": floats(rng, SEGMENTS, CHANNELS),
        },
        "order_by_group": lambda: {
            "groups": np.arange(COUNT, dtype=np.int32) % SEGMENTS,
            "first": np.searchsorted(np.sort(np.arange(COUNT) % SEGMENTS), np.arange(SEGMENTS + 1)),
            "order": whole(rng, 9, COUNT),
        },
    }


def other_calls(rng: Generator) -> dict[str, Callable[[], Arguments]]:
    """Arguments of the functions of native/bindings/points.cpp, image.cpp and regions.cpp, fresh at every call."""
    image, regions, borders = (HEIGHT, WIDTH, 3), 9, 12

    def colours() -> Arguments:
        rows = {"means": floats(rng, COUNT, 3), "sh0": floats(rng, COUNT, 3), "shN": floats(rng, COUNT, 15, 3)}
        return rows | {"position": [0.1, 0.2, 0.3], "degree": 3, "threads": 2}

    def moments(*shape: int) -> Arguments:
        return {name: whole(rng, 2**15, *shape, dtype=np.int16) for name in ("first", "second")}

    def graph() -> Arguments:
        pairs = np.stack(np.triu_indices(regions, 1), axis=1)[:: 36 // borders]
        return {
            "regions": rng.uniform(0.1, 1.0, (regions, 20)),
            "histograms": floats(rng, regions, 34),
            "pairs": np.ascontiguousarray(pairs, dtype=np.int64),
            "borders": rng.uniform(0.1, 1.0, (len(pairs), 7)),
            "pixels": 100.0,
        }

    def warp(kind: str) -> Arguments:
        """A picture of 21x14 from one of 20x16, in cells of 8 pixels."""
        x, y = np.meshgrid(np.arange(4) * 8.0, np.arange(3) * 8.0)
        places = np.stack([0.9 * x + 0.1 * y - 1.0, 0.95 * y + 0.5], axis=2).astype(np.float32)
        old, new = (rng.uniform(0.0, 255.0, size).astype(kind) for size in ((16, 20, 3), (14, 21, 3)))
        return {"places": places, "step": 8, "old_picture": old, "picture": new, "threads": 2}

    starts = np.linspace(0, ENTRIES, SEGMENTS + 1).astype(np.int64)
    groups = {"rows": whole(rng, COUNT, ENTRIES), "starts": starts}

    return {
        "warp_bytes": lambda: warp("uint8"),
        "warp_floats": lambda: warp("float32"),
        "warp_cubic": lambda: warp("float32"),
        "warp_labels": lambda: {
            "places": warp("uint8")["places"],
            **{"step": 8, "old_labels": whole(rng, 9, 16, 20), "nothing": 0, "found": whole(rng, 9, 14, 21)},
            "threads": 2,
        },
        "warp_indices": lambda: {
            "places": warp("uint8")["places"],
            **{"step": 8, "old_height": 16, "old_width": 20, "found": whole(rng, 9, 14, 21), "threads": 2},
        },
        "point_tree": lambda: {
            "points": floats(rng, COUNT, 3),
            "use": whole(rng, 2, COUNT, dtype=np.uint8),
            "leaves": whole(rng, 9, -(-COUNT // 16), 256, dtype=np.uint8),
            "threads": 2,
        },
        "nearest_points": lambda: {
            "tree": tree_of(floats(rng, COUNT, 3)),
            "points": floats(rng, 5, 3),
            "out": whole(rng, 9, 5),
            "threads": 2,
        },
        "touching_neighbours": lambda: {
            **placed(floats(rng, COUNT, 3)),
            "reach": floats(rng, COUNT),
            "gap": 1.5,
            "reach_factor": 0.1,
            "out": whole(rng, 9, COUNT, 5),
            "threads": 2,
        },
        "merge_gaussians": lambda: {
            "parts": geometry(rng)[:4],
            **groups,
            "blur": 0.01,
            "out": tuple(np.empty((SEGMENTS, *part.shape[1:]), np.float32) for part in geometry(rng)[:4]),
            "shares": floats(rng, ENTRIES),
            "threads": 2,
        },
        "mean_of_groups": lambda: {
            "values": floats(rng, COUNT, CHANNELS),
            **groups,
            "shares": floats(rng, ENTRIES),
            "out": floats(rng, SEGMENTS, CHANNELS),
            "threads": 2,
        },
        "flags_of": lambda: {
            "flags": rng.integers(0, 2, COUNT).astype(np.uint8),
            "rows": whole(rng, COUNT, ENTRIES),
            "out": floats(rng, ENTRIES),
            "threads": 2,
        },
        "reaching": lambda: {
            "means": floats(rng, COUNT, 3),
            "reaches": floats(rng, COUNT),
            "faces": floats(rng, 5, 5),
            "slack": floats(rng, 5),
            "out": np.zeros(COUNT, np.uint8),
            "threads": 2,
        },
        "touching_groups": lambda: {
            **placed(floats(rng, COUNT, 3)),
            "reach": floats(rng, COUNT),
            "groups": whole(rng, SEGMENTS, COUNT),
            "rule": (5, 1.5, 0.1, 1000),
            "least": 2,
            "threads": 2,
        },
        "touching": lambda: {
            "tree": tree_of(floats(rng, COUNT, 3)),
            "reach": floats(rng, COUNT),
            "rule": (5, 1.5, 0.1, 1000),
            "out": whole(rng, 9, COUNT),
            "threads": 2,
        },
        "nearest_prototypes": lambda: {
            "features": floats(rng, COUNT, CHANNELS),
            "prototypes": floats(rng, SEGMENTS, CHANNELS),
            "guesses": whole(rng, SEGMENTS, COUNT),
            "out": whole(rng, 9, COUNT),
            "products": floats(rng, COUNT),
            "threads": 2,
        },
        "photometric": lambda: {
            "image": floats(rng, *image),
            "target": floats(rng, *image),
            "ssim_weight": 0.2,
            "gradient": floats(rng, *image),
            "threads": 2,
        },
        "colors": lambda: colours() | {"out": floats(rng, COUNT, 3)},
        "colors_backward": lambda: (
            colours()
            | {
                "out": floats(rng, COUNT, 3),
                "grad": floats(rng, COUNT, 3),
                "grad_sh0": floats(rng, COUNT, 3),
                "grad_shN": floats(rng, COUNT, 15, 3),
            }
        ),
        "adam": lambda: {
            "value": floats(rng, COUNT),
            "gradient": floats(rng, COUNT),
            **moments(COUNT),
            "step": [0.9, 0.999, 0.01, 0.5, 1e-15, 7],
            "threads": 2,
        },
        "colors_adam": lambda: {
            "means": floats(rng, COUNT, 3),
            "position": [0.1, 0.2, 0.3],
            "degree": 3,
            "out": floats(rng, COUNT, 3),
            "grad": floats(rng, COUNT, 3),
            "of_sh0": (floats(rng, COUNT, 3), *moments(COUNT, 3).values()),
            "sh0_step": [0.9, 0.999, 0.01, 0.5, 1e-15, 7],
            "of_shN": (floats(rng, COUNT, 15, 3), *moments(COUNT, 15, 3).values()),
            "shN_step": [0.9, 0.999, 0.01, 0.5, 1e-15, 7],
            "threads": 2,
        },
        "merge_regions": lambda: (
            graph()
            | {
                "weights": rng.uniform(0.1, 1.0, 15),
                "bias": 0.1,
                "size": 0.1,
                "patience": 1.0,
                "probability": True,
                "merges": whole(rng, 9, regions - 1, 2, dtype=np.int64),
                "costs": rng.uniform(0.1, 1.0, regions - 1),
            }
        ),
        "add_contacts": lambda: {
            "places": np.stack([rng.permutation(regions) for _ in range(2)]).astype(np.int32),
            "gaps": floats(rng, 2, int(regions - 1).bit_length(), regions),
            "region_of": whole(rng, regions + 1, COUNT) - np.int32(1),
            "weights": floats(rng, COUNT),
            "ends": whole(rng, COUNT, ENTRIES, 2),
            "sums": np.zeros((ENTRIES, 2)),
            "totals": np.zeros(ENTRIES),
            "threads": 2,
        },
        "add_joins": lambda: {
            "merges": np.array([[k, regions + k - 2] if k > 1 else [0, 1] for k in range(1, regions)], np.int32),
            "heights": floats(rng, regions - 1),
            "starts": np.arange(regions + 1, dtype=np.int64),
            "sets": whole(rng, SEGMENTS, regions),
            "amounts": floats(rng, regions),
            "sums": np.zeros((SEGMENTS, SEGMENTS)),
        },
        "border_cues": lambda: graph() | {"cues": rng.uniform(0.1, 1.0, (borders, 15))},
        "off_planes": lambda: {"planes": rng.uniform(0.1, 1.0, (regions, 10)), "out": np.zeros(regions)},
    }


def right_calls(rng: Generator, made: Objects) -> dict[str, Callable[[], Arguments]]:
    """Arguments that are right, by the name of every function of the extension, fresh at every call."""
    return raster_calls(rng, made) | votes_calls(rng, made) | other_calls(rng)


def as_tensors(value: Any) -> Any:
    """The same arguments with tensors for arrays."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, tuple | list):
        return type(value)(as_tensors(one) for one in value)
    return {name: as_tensors(one) for name, one in value.items()} if isinstance(value, dict) else value
