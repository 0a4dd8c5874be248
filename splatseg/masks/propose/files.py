"""Proposals of all views of a capture as a folder of .npz, the layout docs/file_formats.md gives for input masks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath

import numpy as np

from splatseg.capture.capture import View
from splatseg.files import atomic_write
from splatseg.masks.propose.propose import DEFAULTS, ProposalSettings, propose_reduced

WORKERS = max(1, min(4, os.cpu_count() or 1))
"""Views at a time. numpy and scipy let others run while they compute; a 1000x667 view holds about 0.3 GB."""


def write_proposals(path: Path, masks: np.ndarray, scores: np.ndarray) -> None:
    """Write masks (N,H,W) bool and scores (N,) atomically: `packed`, `shape`, `score`."""
    packed = np.packbits(masks.reshape(len(masks), masks.shape[1] * masks.shape[2]), axis=1)
    with atomic_write(path) as file:
        np.savez_compressed(file, packed=packed, shape=np.array(masks.shape), score=scores.astype(np.float32))


def propose_views(
    views: Sequence[View],
    folder: Path,
    settings: ProposalSettings = DEFAULTS,
    progress: Callable[[int, int], None] | None = None,
    workers: int = WORKERS,
) -> None:
    """Write the proposals of every view that has no file in `folder` yet, so that a stopped call can be repeated.

    Of large photographs the masks are smaller (`propose_reduced`). progress(done, total) is called after every view.

    Raises CaptureError for an unreadable photograph.
    """
    left = [(view, proposals_path(folder, view)) for view in views if not proposals_path(folder, view).exists()]
    done = len(views) - len(left)

    def propose(view: View, path: Path) -> None:
        write_proposals(path, *propose_reduced(view.image(), settings))

    pool = ThreadPoolExecutor(workers)
    try:
        for ready in as_completed([pool.submit(propose, view, path) for view, path in left]):
            ready.result()
            done += 1
            if progress is not None:
                progress(done, len(views))
    finally:
        pool.shutdown(cancel_futures=True)


def proposals_path(folder: Path, view: View) -> Path:
    """Where the proposals of a view are: as the view is called, with .npz for the suffix."""
    return folder / PurePosixPath(view.png_name).with_suffix(".npz")
