"""Masks for photographs, in a folder with one file for each of them. Existing files are kept: work can be interrupted.

A photograph taken through a lens is looked at undistorted, in one view or several; its masks are written in the pixels
of the photograph as it was taken.

A shard (`engine.shard`) takes every n-th photograph, so that n processes on any machines that see the folder share the
work without communication: a file has one name and appears only when it is complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cameras.lens_camera import LensCamera
from splatseg.capture.images import stem_of
from splatseg.capture.view import View, one_a_photograph
from splatseg.engine.shard import ALL, Shard
from splatseg.errors import MaskError
from splatseg.machine.threads import Workers
from splatseg.masks.formats.rle import decode_rle, runs_of_mask
from splatseg.masks.listing import RECORD_NAME
from splatseg.masks.propose.mask_file import count_masks, write_mask_file
from splatseg.masks.propose.proposals import Proposals, without_duplicates
from splatseg.masks.propose.proposers import Proposer
from splatseg.masks.propose.record import check_record, recorded_counts, write_record
from splatseg.masks.propose.view_trees import trees_path, write_view_trees


@dataclass(frozen=True)
class Proposed:
    """The masks of a shard's views that are in the folder."""

    counts: dict[str, int]
    """Number of masks by view."""

    fresh: tuple[str, ...]
    """Views whose masks were made now."""

    @property
    def empty(self) -> tuple[str, ...]:
        """Views without a single mask."""
        return tuple(name for name, count in self.counts.items() if count == 0)


def begin_folder(
    folder: Path, views: Sequence[View], facts: dict[str, Any], overwrite: bool = False, shard: Shard = ALL
) -> None:
    """Check the folder before any work, and write its record. overwrite: remove the masks that an earlier call made.

    Raises MaskError if it is not a folder of masks, or if its masks were made with other settings.
    """
    if folder.exists() and not folder.is_dir():
        raise MaskError(f"{folder} is a file; give a folder for the masks")
    if any(mask_path(folder, view) == folder / RECORD_NAME for view in views):
        raise MaskError(f"a view is named like {RECORD_NAME}, where the settings are kept; rename its image")
    if overwrite and shard != ALL:
        raise MaskError("--overwrite would remove masks of the other shards; remove the folder once before they start")
    if overwrite and (folder / RECORD_NAME).exists():
        for view in views:
            mask_path(folder, view).unlink(missing_ok=True)
            trees_path(folder, view).unlink(missing_ok=True)
        write_record(folder, facts, {})
    else:
        check_record(folder, facts)


def propose_views(
    views: Sequence[View],
    folder: Path,
    proposer: Proposer,
    facts: dict[str, Any],
    duplicate_iou: float = 0.95,
    shard: Shard = ALL,
    on_view: Callable[[int, int, int], None] | None = None,
) -> Proposed:
    """Make the masks of the shard's views that have none yet, in a folder checked by `begin_folder`.

    on_view(done, total, masks) is called after every view. The next photograph is decoded meanwhile, or several views
    are processed at once if the proposer allows it.

    Raises CaptureError for an unreadable photograph, MaskError as the proposer does; masks made before are kept.
    """
    mine = shard.of(one_a_photograph(views))
    absent = {view.photograph for view in mine if not mask_path(folder, view).exists()}
    left = [view for view in views if view.photograph in absent]
    done = len(mine) - len(absent)
    fresh: dict[str, int] = {}
    try:
        for view, proposals in _whole(
            _with_trees(folder, _proposals(left, proposer, duplicate_iou)), left, duplicate_iou
        ):
            write_mask_file(mask_path(folder, view), view.photograph, proposals, proposer.score_name)
            fresh[view.photograph] = len(proposals)
            done += 1
            if on_view is not None:
                on_view(done, len(mine), len(proposals))
    finally:
        # Also after an interruption. Views that other calls and other shards finished are counted too.
        counts = _counts(folder, views, fresh)
        write_record(folder, facts, counts)
    return Proposed({view.photograph: counts[view.photograph] for view in mine}, tuple(fresh))


def _counts(folder: Path, views: Sequence[View], fresh: dict[str, int]) -> dict[str, int]:
    """Return the number of masks of every finished view: as made now, else as recorded, else as in its file."""
    known = recorded_counts(folder) | fresh
    paths = {view.photograph: mask_path(folder, view) for view in views}
    return {name: known[name] if name in known else count_masks(path) for name, path in paths.items() if path.exists()}


def mask_path(folder: Path, view: View) -> Path:
    """Return the path of the mask file of a view's photograph."""
    return folder / (stem_of(view.photograph) + ".json")


def _with_trees(folder: Path, proposals: Iterator[tuple[View, Proposals]]) -> Iterator[tuple[View, Proposals]]:
    """Yield all views with their masks, once the merge trees that these are from are in the folder."""
    for view, found in proposals:
        if found.trees is not None:
            write_view_trees(trees_path(folder, view), found.trees)
        yield view, found


def _whole(
    proposals: Iterator[tuple[View, Proposals]], views: Sequence[View], duplicate_iou: float
) -> Iterator[tuple[View, Proposals]]:
    """Yield masks in the pixels of photographs, each with a view of it, when those of all its views came."""
    of_photograph = Counter(view.photograph for view in views)
    waiting: dict[str, list[tuple[View, Proposals]]] = {}
    for view, found in proposals:
        if view.lens_camera is None:
            yield view, found
            continue
        faces = waiting.setdefault(view.photograph, [])
        faces.append((view, found))
        if len(faces) == of_photograph[view.photograph]:
            del waiting[view.photograph]
            faces.sort(key=lambda face: face[0].face)
            yield view, without_duplicates(_through_lens(view.lens_camera, faces), duplicate_iou)


def _through_lens(camera: LensCamera, faces: Sequence[tuple[View, Proposals]]) -> Proposals:
    """Return the masks of all faces in the pixels of the photograph."""
    runs: list[np.ndarray] = []
    for view, found in faces:
        for mask in found.runs:
            whole = np.zeros((camera.height, camera.width), bool)
            camera.put_back_one(view.face, decode_rle(mask.tolist(), found.height, found.width), "label", whole)
            runs.append(runs_of_mask(whole))
    scores = np.concatenate([found.scores for _, found in faces])
    return Proposals(camera.height, camera.width, tuple(runs), scores)


def _proposals(views: Sequence[View], proposer: Proposer, duplicate_iou: float) -> Iterator[tuple[View, Proposals]]:
    """Yield every view with its masks, in order."""
    failed: BaseException | None = None

    def propose(view: View) -> Proposals | BaseException:
        try:
            return without_duplicates(proposer(view.image(), view.camera), duplicate_iou)
        except BaseException as error:
            return error

    def left() -> Iterator[View]:
        for view in views:
            if failed is None:
                yield view

    with Workers(proposer.views_at_once) as workers:
        if workers.count == 1:
            for view, image in _decoded_ahead(views):
                yield view, without_duplicates(proposer(image, view.camera), duplicate_iou)
            return
        for found, view in zip(workers.in_order(propose, left()), views, strict=False):
            if not isinstance(found, BaseException):
                yield view, found
            elif failed is None:
                failed = found  # what has begun is finished and kept
    if failed is not None:
        raise failed


def _decoded_ahead(views: Sequence[View]) -> Iterator[tuple[View, np.ndarray]]:
    """Yield every view with its image; the next image is decoded while the caller works on this one."""
    with ThreadPoolExecutor(1) as pool:
        coming = [pool.submit(view.image) for view in views[:1]]
        for i, view in enumerate(views):
            image = coming.pop().result()
            coming.extend(pool.submit(following.image) for following in views[i + 1 : i + 2])
            yield view, image
