"""A run: a folder that explains itself.

    config.yaml      every setting, enough to repeat the run      segments.json   id, name, colour, count, box, parent
    metrics.jsonl    progress, timings and warnings, one a line   masks/          16-bit label maps, one PNG per view
    splats.ply       the splat, its features and segment ids      report.html     the page to look at
    checkpoint/      the state of an unfinished fit               evaluation.json the results of `splatseg evaluate`
    earlier_segments.safetensors  earlier segmentations, so that ids, names and colours of segments stay
    votes.safetensors             blending weights between Gaussians and masks, used by selections
    hierarchy.safetensors         parts, wholes and groups, from which every granularity is cut
    words.safetensors             embeddings of the segments, compared with the words of a query
    workspaces.safetensors        selections and hidden Gaussians of the viewer's pages
    links.safetensors             cameras and selections that links of the viewer lead to
    unsaved_segments.safetensors  edits of segments that splats.ply lacks; present only while they are being saved
    points.ply                    points found by matching, for a capture without any; matches/ while they are found
    cameras.json                  cameras of the views, for when the capture is elsewhere
    edits.safetensors             edits of segments that can still be undone
    begun_segments.safetensors    earlier segmentations while new ones are written, should that be killed
    cells/                        the cells of a fit in blocks (`train.blocks.rows`), gone when it is finished
    blocks/                       geometry and votes of views of a splat that is segmented in blocks, until it is
    proposals/                    masks proposed from the photographs (`--masks auto`), one file per training view
    open.lock                     who has the run open and may write it (`run.hold`); gone when that is over

Every file is written under another name and renamed into place, so a run never holds half a file.

That a folder is no run is told at once: what reads its files is imported where it is used.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splatseg.errors import CaptureError, PromptError, RunError
from splatseg.run.metrics import append_metrics, read_metrics
from splatseg.run.settings import AUTO_MASKS, CaptureSettings, RunSettings
from splatseg.run.settings_file import read_settings

if TYPE_CHECKING:
    from splatseg.capture.capture import Capture
    from splatseg.capture.view import View
    from splatseg.cluster.hierarchy import Hierarchy
    from splatseg.masks.sources import MaskSources
    from splatseg.segments.palette import Color
    from splatseg.splats.splats import Splats
    from splatseg.votes.agreement import Agreement

SETTINGS = "config.yaml"
"""File of the settings; a folder is a run if it has one."""

LOCK = "open.lock"
"""File that says who holds the run. No `--overwrite` removes it: who replaces a run holds it meanwhile."""

FILES = (
    *(SETTINGS, "metrics.jsonl", "splats.ply", "votes.safetensors", "hierarchy.safetensors", "words.safetensors"),
    *("segments.json", "earlier_segments.safetensors", "report.html", "evaluation.json"),
    *("links.safetensors", "workspaces.safetensors", "unsaved_segments.safetensors", "begun_segments.safetensors"),
    "edits.safetensors",
    *("cameras.json", "points.ply"),
)
FOLDERS = ("checkpoint", "cells", "masks", "proposals", "matches", "blocks")
"""Files and folders of a run. `--overwrite` removes these and nothing else."""


@dataclass(frozen=True, eq=False)
class Run:
    """An open run folder. Use `open_run`, or `run.create` for a new one.

    Example:
        >>> run = splatseg.open(run.path).run
        >>> run.splats_path.name, len(run.capture.views)
        ('splats.ply', 64)
    """

    path: Path
    """The run folder."""
    settings: RunSettings
    """The settings in its config.yaml."""

    @cached_property
    def capture(self) -> Capture:
        """The capture that the run was made from, read on first use.

        If it is not where it was, it is looked for where it would be had it been moved with the run; else the cameras
        that the run kept stand in for it, without photographs.

        Raises CaptureError if it is damaged, if it is missing and the run kept no cameras, and if what is there now has
        other cameras than the run was made with.
        """
        return self.capture_at(self.settings.capture)

    def capture_at(self, settings: CaptureSettings) -> Capture:
        """Return the run's capture from where settings say it is, as `capture` does. Raises CaptureError as it does."""
        from splatseg.run.kept_cameras import kept_capture, moved_with  # noqa: PLC0415 (see the module)

        path = Path(settings.path)
        lost = (
            f"the photographs of {self.path} were in {path}, which is not there; say where they are now with "
            f"--capture DIR, which changes `capture: path` in {self.path / SETTINGS}"
        )
        kept = kept_capture(self.path, path, lost)
        # A run stays in the world that it was made in: a view more or less would choose another.
        world = None if kept is None else kept.coordinates
        if path.exists():
            return self._checked_capture(settings.load(world), kept)
        place = moved_with(self.path)
        if place is not None and kept is not None:
            with suppress(CaptureError):  # something else may be there
                return self._checked_capture(dataclasses.replace(settings, path=str(place)).load(world), kept)
        if kept is None:
            raise CaptureError(lost)
        return kept

    def _checked_capture(self, capture: Capture, kept: Capture | None) -> Capture:
        from splatseg.run.kept_cameras import differing  # noqa: PLC0415 (see the module)

        other = 0 if kept is None else differing(kept, capture)
        if kept is not None and other:
            raise CaptureError(
                f"{other} of the {len(kept.views)} views that {self.path} was made with are not in {capture.path}, or "
                "with other cameras; give the right one with --capture DIR, or train a new run on this one"
            )
        return capture

    def require_photographs(self) -> None:
        """Raise CaptureError, which says what to do, if the run has cameras without photographs only."""
        lost = next((view.lost for view in self.capture.views if view.lost), "")
        if lost:
            raise CaptureError(lost)

    def splats(self) -> Splats:
        """Read the splat with its features and segment ids. Raises RunError if the fit has not finished."""
        from splatseg.formats.read import load_splats  # noqa: PLC0415 (see the module)

        if not self.splats_path.exists():
            raise RunError(
                f"{self.path} has no splats.ply yet: its training did not finish; "
                f"repeat its `splatseg train` command with --resume"
            )
        return load_splats(self.splats_path)[0]

    def masks(self) -> MaskSources:
        """Open the input masks. Raises RunError if the run has none, MaskError if their folders have changed."""
        from splatseg.masks.sources import open_sources  # noqa: PLC0415 (see the module)

        if not self.settings.masks:
            raise RunError(f"{self.path} was made without masks; name their folder with --masks DIR, or --masks auto")
        folders = [
            (self.proposals_path if folder.path == AUTO_MASKS else folder.path, folder.weight)
            for folder in self.settings.masks
        ]
        return open_sources(folders, self.capture.views, self.settings.true_masks)

    def views(self, split: str) -> tuple[View, ...]:
        """Return the views of a split: train, test or all. Raises PromptError if it is empty."""
        views = self.capture.split(split)
        if not views:
            raise PromptError(f"the capture of {self.path} has no views in the split {split!r}; use --split all")
        return views

    def agreement(self, splats: Splats | None = None) -> Agreement | None:
        """Return how the masks of all views agree with sets of Gaussians; None for a run without votes (`paper`).

        splats: the run's splat if it is already loaded; it is read otherwise.

        Raises RunError if the file of votes is damaged or belongs to another splat.
        """
        if not self.votes_path.exists():
            return None
        from splatseg.votes.agreement import Agreement  # noqa: PLC0415 (see the module)
        from splatseg.votes.file import map_votes, read_votes  # noqa: PLC0415

        votes = (map_votes if splats is not None and splats.is_mapped else read_votes)(self.votes_path)
        self._check(self.votes_path, votes.weights.shape[0], splats)
        return Agreement(votes)

    def hierarchy(self, splats: Splats | None = None) -> Hierarchy | None:
        """Return the hierarchy whose cut the segments are; None if the run has no segments or predates hierarchies.

        splats: as for `agreement`.

        Raises RunError if its file is damaged or belongs to another splat.
        """
        if not self.hierarchy_path.exists():
            return None
        from splatseg.cluster.hierarchy_file import read_hierarchy  # noqa: PLC0415 (see the module)

        hierarchy = read_hierarchy(self.hierarchy_path)
        self._check(self.hierarchy_path, len(hierarchy.atoms), splats)
        return hierarchy

    def _check(self, path: Path, found: int, splats: Splats | None) -> None:
        from splatseg.splats.made_of import changed_parts, recorded  # noqa: PLC0415 (see the module)

        # Callers pass a splat that is already loaded: reading it again would take longer than reading `path`.
        splats = splats if splats is not None else self.splats()
        if found != len(splats):
            raise RunError(
                f"{path} is of {found:,} Gaussians, the splat has {len(splats):,}; "
                f"run `splatseg segment {self.path}` again"
            )
        changed = changed_parts(recorded(path), splats)
        if changed:
            raise RunError(
                f"{path} was made of another {changed[0]} than splats.ply has now; "
                f"run `splatseg segment {self.path}` again"
            )

    def segment_colors(self) -> dict[int, Color]:
        """Return the colours of the segments by id; empty if the run has no table of segments."""
        from splatseg.segments.segments_json import read_segments  # noqa: PLC0415 (see the module)

        if not self.segments_path.exists():
            return {}
        return {segment.id: segment.color for segment in read_segments(self.segments_path)}

    def __repr__(self) -> str:
        """Return one line: folder, method, state."""
        state = "segmented" if self.segments_path.exists() else "fitted" if self.splats_path.exists() else "not fitted"
        return f"<Run {str(self.path)!r}: {self.settings.method}, {state}>"

    def _repr_html_(self) -> str:
        """Return a card for notebooks: a picture of the splat and a few figures."""
        from splatseg.run.run_card import card_of_run  # noqa: PLC0415 (see the module)

        return card_of_run(self)

    def owns(self, path: Path) -> bool:
        """Tell whether a file is a part of the run, which nothing else may replace."""
        place, folder = Path(path).resolve(), self.path.resolve()
        return place in {folder / name for name in (*FILES, LOCK)} or any(
            folder / name in place.parents for name in FOLDERS
        )

    def record(self, /, **facts: Any) -> None:
        """Append the facts as a line to metrics.jsonl."""
        append_metrics(self.path / "metrics.jsonl", facts)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Append the seconds that the block takes to metrics.jsonl, unless it raises."""
        began = time.monotonic()
        yield
        self.record(timing=name, seconds=round(time.monotonic() - began, 3))

    def metrics(self) -> list[dict[str, Any]]:
        """Return all lines of metrics.jsonl that can be read (see `run.metrics`)."""
        return list(read_metrics(self.path / "metrics.jsonl").rows)

    def metrics_troubles(self) -> tuple[str, ...]:
        """Return sentences on lines of metrics.jsonl that cannot be read."""
        return read_metrics(self.path / "metrics.jsonl").troubles

    @property
    def color_strength(self) -> float | None:
        """Factor of the colour corrections of the fit, 0 for none; None for a splat that was not fitted."""
        found = [row["color_strength"] for row in self.metrics() if isinstance(row.get("color_strength"), float | int)]
        return float(found[-1]) if found else None

    @property
    def gone(self) -> bool:
        """True if there is no run in the folder any more: it was moved or deleted."""
        try:
            return not (self.path / SETTINGS).exists()
        except OSError:  # a folder above it that nobody may enter any more
            return True

    @property
    def splats_path(self) -> Path:
        """File of the splat."""
        return self.path / "splats.ply"

    @property
    def votes_path(self) -> Path:
        """File of the votes of the masks; missing if the features came without votes (`paper`)."""
        return self.path / "votes.safetensors"

    @property
    def hierarchy_path(self) -> Path:
        """File of the hierarchy of segments."""
        return self.path / "hierarchy.safetensors"

    @property
    def words_path(self) -> Path:
        """File of the embeddings of segments and words, written by `splatseg words`."""
        return self.path / "words.safetensors"

    @property
    def segments_path(self) -> Path:
        """File of the table of segments."""
        return self.path / "segments.json"

    @property
    def earlier_path(self) -> Path:
        """File of the segmentations before the present one."""
        return self.path / "earlier_segments.safetensors"

    @property
    def begun_path(self) -> Path:
        """File of the segmentations before one that is being written; gone when that is finished."""
        return self.path / "begun_segments.safetensors"

    @property
    def unsaved_path(self) -> Path:
        """File of edits of the segments until the splat is written again."""
        return self.path / "unsaved_segments.safetensors"

    @property
    def workspaces_path(self) -> Path:
        """File of the selections and hidden Gaussians of the viewer's pages."""
        return self.path / "workspaces.safetensors"

    @property
    def links_path(self) -> Path:
        """File of what the viewer's links lead to."""
        return self.path / "links.safetensors"

    @property
    def edits_path(self) -> Path:
        """File of the edits of segments that can be undone and redone."""
        return self.path / "edits.safetensors"

    @property
    def blocks_path(self) -> Path:
        """Folder of what an unfinished segmentation in blocks goes on from."""
        return self.path / "blocks"

    @property
    def proposals_path(self) -> Path:
        """Folder of the masks proposed from the photographs (`--masks auto`)."""
        return self.path / "proposals"

    @property
    def checkpoint_path(self) -> Path:
        """Folder of checkpoints of the fit."""
        return self.path / "checkpoint"

    @property
    def cells_path(self) -> Path:
        """Folder of the cells of a fit in blocks, gone when that is finished."""
        return self.path / "cells"

    @property
    def cells(self) -> int:
        """Number of cells in which the splat was fitted; 1 for one that was fitted in one piece, or not here."""
        found = [row["cells"] for row in self.metrics() if isinstance(row.get("cells"), int)]
        return int(found[-1]) if found else 1

    @property
    def points_path(self) -> Path:
        """File of the points that were found by matching, for a capture without points; in the world of the run."""
        return self.path / "points.ply"

    @property
    def matches_path(self) -> Path:
        """Folder of the work of finding them, gone when that is finished."""
        return self.path / "matches"

    @property
    def report_path(self) -> Path:
        """File of the report, a page for the browser."""
        return self.path / "report.html"

    @property
    def evaluation_path(self) -> Path:
        """File of the results of `splatseg evaluate`."""
        return self.path / "evaluation.json"


def open_run(path: Path) -> Run:
    """Open an existing run. Raises RunError if there is none at `path` or its settings cannot be read."""
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"there is no run at {path}; make one with `splatseg train CAPTURE -o {path}`")
    return Run(path, read_settings(path / SETTINGS, RunSettings))
