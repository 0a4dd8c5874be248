"""Facts to print about a splat file, a run, a capture, or this machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
import splatseg.version
from splatseg.capture.capture import load_capture
from splatseg.errors import SplatFileError
from splatseg.formats.read import load_splats
from splatseg.raster.interface import available_backends
from splatseg.run.folder import open_run
from splatseg.segments.segments_json import read_segments


def describe(path: Path) -> dict[str, str]:
    """Return facts about a splat file, a run folder or a capture. Raises SplatsegError if it is none of them."""
    if not path.exists():
        raise SplatFileError(f"there is nothing at {path}; give a splat file, a run or a capture")
    if path.is_file():
        return describe_splats(path)
    return describe_run(path) if (path / "config.yaml").exists() else describe_capture(path)


def describe_machine() -> dict[str, str]:
    """Return facts about this machine: version, backends, SIMD level, threads."""
    return {
        "splatseg": splatseg.version.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "backends": ", ".join(available_backends()),
        "SIMD level": f"{_native.simd_level()} (of {', '.join(_native.simd_levels())})",
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()} processors",
        "CUDA": "available to torch" if torch.cuda.is_available() else "not available",
    }


def describe_splats(path: Path) -> dict[str, str]:
    """Return facts about a splat file of any format. Raises SplatFileError if it cannot be read."""
    splats, dropped = load_splats(path)
    low, high = splats.means.amin(0), splats.means.amax(0)
    facts = {
        "kind": f"splat ({path.suffix})",
        "size": f"{path.stat().st_size / 1e6:.1f} MB",
        "Gaussians": f"{len(splats):,}" + (f" ({dropped:,} more are not finite and were left out)" if dropped else ""),
        "SH degree": str(splats.sh_degree),
        "bounds": " to ".join("(" + ", ".join(f"{value:.3g}" for value in corner) + ")" for corner in (low, high)),
        "features": "none" if splats.features is None else f"{splats.features.shape[1]} channels",
    }
    if splats.segment_ids is None:
        facts["segments"] = "none"
    else:
        ids = splats.segment_ids.numpy()
        facts["segments"] = f"{len(np.unique(ids[ids > 0])):,}; {np.mean(ids > 0):.1%} of the Gaussians have one"
    if splats.extras:
        facts["also carries"] = ", ".join(splats.extras)
    return facts


def describe_run(path: Path) -> dict[str, str]:
    """Return facts about a run, finished or not. Raises RunError if there is none."""
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
    splats = describe_splats(run.splats_path)
    facts |= {name: splats[name] for name in ("Gaussians", "SH degree", "features")}
    if run.segments_path.exists():
        segments = read_segments(run.segments_path)
        largest = ", ".join(f"{segment.name} ({segment.count:,})" for segment in segments[:3])
        facts["segments"] = f"{len(segments)}; the largest: {largest}"
    return facts | {"report": str(run.report_path)} if run.report_path.exists() else facts


def describe_capture(path: Path) -> dict[str, str]:
    """Return facts about a capture. Raises CaptureError if it cannot be read."""
    capture = load_capture(path)
    sizes = sorted({(view.camera.width, view.camera.height) for view in capture.views})
    shown = ", ".join(f"{width}x{height}" for width, height in sizes[:3]) + (" ..." if len(sizes) > 3 else "")
    return {
        "kind": "capture",
        "views": f"{len(capture.views)} ({len(capture.split('train'))} train, {len(capture.split('test'))} test)",
        "image sizes": shown,
        "points": f"{len(capture.points):,}",
    }
