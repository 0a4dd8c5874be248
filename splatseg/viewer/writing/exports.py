"""Writes the exports of the viewer: the selection and the rest as splats, all segments, masks of all views, pictures.

The suffix of a path chooses the format. Every export returns a sentence that names the file.

Alphabet: N Gaussians; members (N,) bool.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.capture.view import one_a_photograph
from splatseg.errors import OutputError, PromptError
from splatseg.files import write_png
from splatseg.formats.write import write_splats
from splatseg.parts import make_folder
from splatseg.plain_text import file_stem
from splatseg.progress import Progress, counted
from splatseg.render.label_maps import selection_mask, write_mask
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.shown_scene import ShownScene
from splatseg.viewer.workspace.workspace import Workspace

_LOCK = threading.Lock()
_GIVEN: deque[Path] = deque(maxlen=1000)
"""Paths that `new_path` has returned last; a file appears at its path only when it is complete."""

_NAME = re.compile(r"[^\W_][\w.-]*")
"""Names of exports: valid on every system (`plain_text.file_stem`)."""


def export_selection(scene: ShownScene, members: np.ndarray, path: Path) -> str:
    """Write the members (N,) bool as a splat, in the format of the suffix (see `formats.write.FORMATS`).

    Raises PromptError if there are none, OutputError for a suffix that names no format.
    """
    if not members.any():
        raise PromptError(f"nothing is selected, so {path} was not written; select something first")
    return _write(path, scene, members)


def export_rest(scene: ShownScene, members: np.ndarray, path: Path) -> str:
    """Write the Gaussians that are not members (N,) bool as a splat.

    Raises PromptError if there are none, OutputError as `export_selection` does.
    """
    if members.all():
        raise PromptError(f"everything is selected, so there is no rest and {path} was not written; select less")
    return _write(path, scene, ~members)


def export_mesh(scene: ShownScene, members: np.ndarray, path: Path) -> str:
    """Write the members (N,) bool as a closed mesh, in the format of the suffix (`scene.exporting.meshes`).

    Raises PromptError if there are none or they have no surface, OutputError without the extra `mesh`.
    """
    scene.gaussians(members).export_mesh(path)
    return f"wrote {path}"


def export_all_segments(scene: ShownScene, folder: Path, suffix: str = ".ply", progress: Progress | None = None) -> str:
    """Write every segment as a splat of its own, `folder`/<id>-<name><suffix>.

    Raises PromptError if there are no segments, OutputError as `export_selection` does.
    """
    if scene.table is None or not scene.table.rows():
        raise PromptError("there are no segments to write; make some with `splatseg segment RUN --masks DIR`")
    rows = scene.table.rows()
    for row in counted(rows, progress):
        stem = file_stem(row.name, "-")
        _write(folder / f"{row.id:03d}-{stem}{suffix}", scene, scene.table.now.ids == row.id)
    return f"wrote {len(rows)} segments to {folder}"


def export_masks_of_all_views(
    scene: ShownScene, members: np.ndarray, folder: Path, progress: Progress | None = None
) -> str:
    """Write the mask of the members in every view of the capture, `folder`/<view>.png, 0 or 255.

    Raises PromptError if there are no members, or no capture.
    """
    if not scene.views:
        raise PromptError("there are no views to write masks of; open a run whose capture still exists")
    if not members.any():
        raise PromptError("nothing is selected, so there are no masks to write; select something first")
    splats = scene.splats
    photographs = one_a_photograph(scene.views)
    for view in counted(photographs, progress):
        write_mask(_inside(folder, view.png_name), selection_mask(splats, view.seen_by, members))
    return f"wrote masks of {len(photographs)} views to {folder}"


def screenshot(workspace: Workspace, camera: Camera, path: Path, marked: bool = True) -> str:
    """Write the picture of a workspace as a .png. marked: as of `picture`. Raises PromptError for another suffix."""
    if path.suffix.lower() != ".png":
        raise PromptError(f"{path} does not end in .png; screenshots are written as .png")
    write_png(path, picture(workspace, camera, marked=marked))
    return f"wrote {path}"


def frames(workspace: Workspace, cameras: Iterable[Camera], marked: bool = True) -> Iterator[np.ndarray]:
    """Yield the pictures (H,W,3) uint8 of a workspace along a path of cameras. marked: as of `picture`."""
    for camera in cameras:
        yield picture(workspace, camera, marked=marked)


def new_path(folder: Path, stem: str, suffix: str) -> Path:
    """Return a new path `folder`/<stem>-<time><suffix>, and make the folder.

    The path does not exist and was not returned before, so two browsers that export in the same second get two files.

    Raises PromptError if stem and suffix are more than a file name, or the folder is a link: nothing is written outside
    of it. OutputError if the folder cannot be made.
    """
    if not _NAME.fullmatch(f"{stem}{suffix}"):
        raise PromptError(f"{stem + suffix!r} is not the name of a file; exports go into {folder}")
    if not folder.parent.is_dir():
        raise OutputError(f"{folder.parent} is gone, so nothing can be exported into it; move it back")
    try:
        make_folder(folder)
        names = [there.name for there in folder.iterdir()]  # with links, also those that lead nowhere
    except OSError as error:
        raise OutputError(f"{folder} cannot be used for exports ({error.strerror}); remove what stands there") from None
    if folder.resolve() != folder.parent.resolve() / folder.name:
        raise PromptError(f"{folder} is a link to {folder.resolve()}; exports stay in the run, so remove the link")
    when = time.strftime("%Y%m%d-%H%M%S")
    with _LOCK:
        numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        stems = (f"{stem}-{when}{number}" for number in numbers)
        # Nothing may begin with the new name: a film has its keyframes beside it, NAME.json.
        path = next(
            path
            for new in stems
            if (path := folder / f"{new}{suffix}") not in _GIVEN and not any(name.startswith(new) for name in names)
        )
        _GIVEN.append(path)
    return path


def _inside(folder: Path, name: str) -> Path:
    """Return `folder`/`name`. Raises PromptError for a name that leads out: those of a capture may be a stranger's."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise PromptError(f"the view {name!r} has a name that leads out of {folder}; rename it in the capture")
    return path


def _write(path: Path, scene: ShownScene, members: np.ndarray) -> str:
    with scene.lock:
        splats, rows = scene.splats, scene.table.rows() if scene.table is not None else ()
    chosen = splats.subset(torch.from_numpy(members))
    return write_splats(path, chosen, rows).summary
