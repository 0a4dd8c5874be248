"""Facts to print about a splat file, a run, a capture, or this machine."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.formats.folders import LOD_META
from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.pick import digested
from splatseg.formats.read import find_splat, holds_splat
from splatseg.plain_text import first_few, short_name, size_of_file
from splatseg.splats.box import box_in_batches
from splatseg.splats.stored import StoredSplats
from splatseg.untrusted.memory import VARIABLE, in_words, memory_budget, stated_budget

# Facts of files need no torch, whose import takes a second or two, and those of one kind not what reads the others: all
# of it is imported where it is used.


def describe(path: Path) -> dict[str, str]:
    """Return facts about a splat file, a run folder or a capture. Raises SplatsegError if it is none of them."""
    if not path.exists():
        raise SplatFileError(f"there is nothing at {path}; give a splat file, a run or a capture")
    if path.is_dir() and (path / "config.yaml").exists():
        return describe_run(path)
    if path.is_dir() and _has_cameras(path):
        return describe_capture(path)
    return describe_splats(path) if holds_splat(path) else describe_capture(path)


def _has_cameras(path: Path) -> bool:
    from splatseg.capture.colmap import find_model  # noqa: PLC0415 (see above)
    from splatseg.capture.transforms_json import find_transforms  # noqa: PLC0415

    return find_model(path) is not None or find_transforms(path) is not None


def describe_machine() -> dict[str, str]:
    """Return facts about this machine: version, backends, SIMD level, threads, device."""
    import torch  # noqa: PLC0415 (see above)

    import splatseg._native as _native  # noqa: PLC0415, PLR0402 (see above; from the package: its public face)
    from splatseg.machine.devices import described  # noqa: PLC0415
    from splatseg.raster.interface import available_backends  # noqa: PLC0415
    from splatseg.version import __version__  # noqa: PLC0415

    return {
        "splatseg": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "backends": ", ".join(available_backends()),
        "SIMD level": f"{_native.simd_level()} (of {', '.join(_native.simd_levels())})",
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()} processors",
        "memory for one file": in_words(memory_budget()) + (f" ({VARIABLE})" if stated_budget() else ""),
        "device": described(),
    }


def describe_splats(path: Path) -> dict[str, str]:
    """Return facts about a splat file of any format, or the one in a folder. Raises SplatFileError if it is unreadable.

    What the reader warns of becomes one of the facts.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        folder, path = path, find_splat(path)
        blocks = open_blocks(path)
    facts = _facts_of(blocks)
    if path != folder:
        facts["file"] = str(path)
    if told:
        facts["notes"] = "; ".join(str(warning.message) for warning in told)
    return facts


def _facts_of(blocks: FileBlocks) -> dict[str, str]:
    """Return facts of a splat, read block by block: only its positions are in memory as a whole, 12 bytes each."""
    means, ids, marked = np.empty((len(blocks), 3), np.float32), set[int](), 0
    labelled = blocks.form.segment_ids is not None
    for begin, end in pairwise(blocks.borders.tolist()):
        stored = blocks.stored(begin, end, "all" if labelled else "geometry")
        means[begin:end] = stored.means
        if stored.segment_ids is not None:
            found, counts = np.unique(stored.segment_ids, return_counts=True)
            ids |= set(found[found > 0].tolist())
            marked += int(counts[found > 0].sum())

    def positions() -> Iterator[np.ndarray]:
        return (blocks.coordinates.outwards(means[begin:end]) for begin, end in pairwise(blocks.borders.tolist()))

    low, high, strays = box_in_batches(positions)
    digits, form = 3 if blocks.coordinates.is_own else 9, _form_of(blocks.form, len(blocks), blocks.dropped)
    facts = {
        "kind": f"splat ({_kind(blocks)})",
        "size": size_of_file(blocks.bytes),
        "Gaussians": form["Gaussians"],
        "SH degree": form["SH degree"],
        "bounds": " to ".join(
            "(" + ", ".join(f"{value:.{digits}g}" for value in corner) + ")" for corner in (low, high)
        )
        + (f" ({strays:,} Gaussians lie far out)" if strays else ""),
        "features": form["features"],
        "segments": f"{len(ids):,}; {marked / len(blocks):.1%} of the Gaussians have one" if labelled else "none",
    }
    if blocks.form.extras:
        facts["also carries"] = ", ".join(blocks.form.extras)
    return facts


def _form_of(form: StoredSplats, count: int, dropped: int) -> dict[str, str]:
    """Return the facts of a splat of a form that need no pass over its Gaussians."""
    return {
        "Gaussians": f"{count:,}" + (f" ({dropped:,} more are not finite and were left out)" if dropped else ""),
        "SH degree": str(form.sh_degree),
        "features": "none" if form.features is None else f"{form.features.shape[1]} channels",
    }


def _kind(blocks: FileBlocks) -> str:
    """Return the format of a splat in words."""
    parts, first = len(blocks.files), blocks.files[0].path
    if blocks.path.is_dir():
        return f"{parts} part{'s' * (parts > 1)}, {first.suffix}"
    if blocks.path.name == LOD_META:
        return f"streamed SOG, {parts} chunk{'s' * (parts > 1)} of the finest level"
    return "SOG, not packed" if first.suffix == ".json" else first.suffix


def describe_run(path: Path) -> dict[str, str]:
    """Return facts about a run, finished or not. Raises RunError if there is none."""
    from splatseg.run.folder import open_run  # noqa: PLC0415 (see above)
    from splatseg.segments.segments_json import read_segments  # noqa: PLC0415
    from splatseg.splats.made_of import is_stale  # noqa: PLC0415

    run = open_run(path)
    facts = {
        "kind": "run",
        "capture": run.settings.capture.path,
        "masks": ", ".join(map(str, run.settings.masks)) or "none",
        **({"true masks": run.settings.true_masks} if run.settings.true_masks else {}),
        "method": run.settings.method,
        "made with": f"splatseg {run.settings.version}",
    }
    if not run.splats_path.exists():
        return facts | {"state": "not finished: repeat its command with --resume"}
    blocks, report = open_blocks(run.splats_path), dict[str, str]()
    facts |= _form_of(blocks.form, len(blocks), blocks.dropped)
    if run.report_path.exists():
        stale = is_stale(run.report_path, digested(blocks))
        anew = f" (of an earlier state of the run; `splatseg report {run.path}` writes it anew)"
        report = {"report": f"{run.report_path}{anew if stale else ''}"}
    if run.segments_path.exists():
        segments = read_segments(run.segments_path)
        largest = ", ".join(f"{short_name(segment.name)} ({segment.count:,})" for segment in segments[:3])
        facts["segments"] = f"{len(segments)}; the largest: {largest}"
    return facts | report


def describe_capture(path: Path) -> dict[str, str]:
    """Return facts about a capture. Raises CaptureError if it cannot be read."""
    from splatseg.capture.capture import load_capture  # noqa: PLC0415 (see above)
    from splatseg.capture.view import one_a_photograph  # noqa: PLC0415

    capture = load_capture(path, skip_missing=True)
    photographs = one_a_photograph(capture.views)
    sizes = sorted({(view.seen_by.width, view.seen_by.height) for view in photographs})
    shown = ", ".join(f"{width}x{height}" for width, height in sizes[:3]) + (" ..." if len(sizes) > 3 else "")
    parts = [len(one_a_photograph(capture.split(split))) for split in ("train", "test")]
    facts = {
        "kind": "capture",
        "views": f"{len(photographs)} ({parts[0]} train, {parts[1]} test)",
        "image sizes": shown,
        "points": f"{len(capture.points):,}",
    }
    if capture.absent:
        facts["absent images"] = f"{len(capture.absent)}: {first_few([short_name(name) for name in capture.absent], 5)}"
    lenses = sorted({view.lens_camera.lens.kind for view in photographs if view.lens_camera is not None})
    if lenses:
        cut = f", cut into {len(capture.views)} views" if len(capture.views) > len(photographs) else ""
        facts["lens"] = f"{', '.join(lenses)}, undistorted as photographs are read{cut}"
    if not capture.coordinates.is_own:
        facts["coordinates"] = f"computed {capture.coordinates}, written as they are given"
    return facts
