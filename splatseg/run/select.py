"""A prompt in one view of a run becomes masks in all views, the object as a splat, and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from splatseg.capture import View, load_cameras
from splatseg.errors import PromptError, RunError
from splatseg.files import write_json
from splatseg.lift import Agreement
from splatseg.output import SUPERSAMPLE, export_object, export_rest, selection_coverage, write_mask
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.select import Selection, select_by_box, select_by_click, select_by_mask
from splatseg.splats import Splats


@dataclass(frozen=True)
class Prompt:
    """What the user pointed at: exactly one of click (x, y), box (x0, y0, x1, y1), mask (a file), all in pixels."""

    view: str
    click: tuple[float, ...] | None = None
    box: tuple[float, ...] | None = None
    mask: Path | None = None
    threshold: float | None = None


def select_in_run(
    run: Run,
    prompt: Prompt,
    output: Path,
    reporter: Reporter,
    cameras: Path | None = None,
    antialias: bool = False,
) -> str:
    """Select and write `output`/masks/<view>.png, object.ply, rest.ply and selection.json; return a summary.

    cameras: masks for these (see `capture.load_cameras`) instead of all views of the capture. antialias: masks have
    greys at their edges, the share of each pixel that shows the object.

    Raises PromptError for an unknown view, a prompt outside the image, or a selection that is empty; RunError when
    the run has no features yet.
    """
    if output.exists() and not output.is_dir():
        raise RunError(f"{output} is a file, not a folder; name another place with -o")
    view = run.capture.view(prompt.view)
    pictured = run.capture.views if cameras is None else load_cameras(cameras)
    splats = run.splats()
    if splats.features is None:
        raise RunError(f"{run.path} has no features yet; run `splatseg segment {run.path} --masks DIR` first")
    selection = select(splats, view, prompt, run.agreement())
    members = selection.members
    coverage = _write_masks(splats, pictured, members, output / "masks", SUPERSAMPLE if antialias else 1, reporter)
    export_object(output / "object.ply", splats, members)
    export_rest(output / "rest.ply", splats, members)
    write_json(output / "selection.json", _facts(prompt, selection, len(splats), coverage))
    return f"selected {int(members.sum()):,} of {len(splats):,} Gaussians; wrote {output}"


def select(splats: Splats, view: View, prompt: Prompt, agreement: Agreement | None = None) -> Selection:
    """The selection that a prompt in a view makes, set right by the votes of all views. Raises PromptError."""
    if prompt.click is not None:
        x, y = prompt.click[0], prompt.click[1]
        return select_by_click(splats, view.camera, (x, y), prompt.threshold, voted=agreement is not None)
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        return select_by_box(splats, view.camera, (x0, y0, x1, y1), prompt.threshold, agreement)
    assert prompt.mask is not None
    mask = read_prompt_mask(prompt.mask, view)
    return select_by_mask(splats, view.camera, mask, prompt.threshold, agreement)


def read_prompt_mask(path: Path, view: View) -> np.ndarray:
    """A mask image (not black = inside) as (H,W) bool at the size of the view. Raises PromptError."""
    try:
        with Image.open(path) as image:
            # Transparency is not a shape: what counts is what is painted.
            painted = image.convert("RGB") if image.mode in ("RGBA", "LA") else image
            size = (view.camera.width, view.camera.height)
            fitting = painted if painted.size == size else painted.resize(size, Image.Resampling.NEAREST)
            values = np.asarray(fitting)
    except FileNotFoundError:
        raise PromptError(f"there is no mask at {path}; give --mask a PNG of the view {view.name}") from None
    except (UnidentifiedImageError, OSError) as error:
        raise PromptError(f"the mask {path} cannot be read as an image ({error}); save it as PNG") from None
    inside: np.ndarray = (values != 0).reshape(*values.shape[:2], -1).any(axis=2)
    if not inside.any():
        raise PromptError(f"the mask {path} is black all over; paint the object in white")
    return inside


def _write_masks(
    splats: Splats, views: tuple[View, ...], members: np.ndarray, folder: Path, supersample: int, reporter: Reporter
) -> dict[str, int]:
    """Masks of all views; returns how many pixels each covers, shares of pixels added up."""
    coverage = {}
    with reporter.stage("masks", len(views)) as advance:
        for done, view in enumerate(views, start=1):
            inside = selection_coverage(splats, view.camera, members, supersample)
            write_mask(folder / view.png_name, inside)
            coverage[view.name] = round(float(inside.sum(dtype=np.float64)))
            advance(done)
    return coverage


def _facts(prompt: Prompt, selection: Selection, total: int, coverage: dict[str, int]) -> dict[str, object]:
    return {
        "view": prompt.view,
        "click": prompt.click,
        "box": prompt.box,
        "mask": str(prompt.mask) if prompt.mask else None,
        "threshold": float(selection.threshold),
        "gaussians": int(selection.members.sum()),
        "of": total,
        "pixels": coverage,
    }
