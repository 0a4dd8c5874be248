"""The folder layout that viewers of 3D Gaussian Splatting expect, written from a splat and its capture.

    point_cloud/iteration_N/point_cloud.ply   geometry and colour, nothing else, harmonics padded to degree 3
    cameras.json    every view: id, img_name, width, height, position (3), rotation (3x3, camera to world), fx, fy
    input.ply       the sparse points, with zero normals and 8-bit colours
    cfg_args        settings as Python text, in which viewers look for `sh_degree` and `source_path`; we never read it

Some viewers read point_cloud.ply by position and not by name, so it has no other properties and always degree 3.
Source: the fields that public viewers and converters read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from splatseg.capture.capture import Capture
from splatseg.capture.point_cloud import write_point_cloud
from splatseg.capture.view import View
from splatseg.errors import OutputError, unwritten
from splatseg.files import atomic_folder, write_json, write_text
from splatseg.formats.ply.ply import write_ply
from splatseg.parts import is_empty
from splatseg.splats.splats import Splats


def write_inria_layout(folder: Path, splats: Splats, capture: Capture, iteration: int) -> None:
    """Write the folder, all of it or nothing. Raises OutputError if it is neither new nor empty, or not writable."""
    folder = Path(folder)
    try:
        if folder.exists() and (not folder.is_dir() or not is_empty(folder)):
            raise OutputError(f"{folder} exists and is not an empty folder; name a new one")
        with atomic_folder(folder) as aside:
            place = aside / "point_cloud" / f"iteration_{iteration}" / "point_cloud.ply"
            # Cameras and points stay in the world, too: programs that read this layout have float32 everywhere.
            write_ply(place, _plain_degree_3(splats), own=False)
            write_json(aside / "cameras.json", camera_rows(capture.views))
            write_point_cloud(aside / "input.ply", capture.points, capture.point_colors)
            write_text(aside / "cfg_args", _settings(folder, capture))
    except OSError as error:
        raise OutputError(unwritten(folder, error)) from None


def camera_rows(views: Sequence[View]) -> list[dict[str, Any]]:
    """Return the rows of cameras.json. Axes are OpenCV's, as everywhere; `position` is the centre of projection."""
    return [
        {
            "id": number,
            "img_name": view.name,
            "width": view.camera.width,
            "height": view.camera.height,
            "position": view.camera.position.tolist(),
            "rotation": view.camera.viewmat[:3, :3].T.tolist(),
            "fy": float(view.camera.K[1, 1]),
            "fx": float(view.camera.K[0, 0]),
        }
        for number, view in enumerate(views)
    ]


def _plain_degree_3(splats: Splats) -> Splats:
    """Return geometry and colour alone, with harmonics padded with zeros to degree 3."""
    padding = torch.zeros(len(splats), 15 - splats.shN.shape[1], 3)
    whole = torch.cat([splats.shN.detach().cpu(), padding], 1)
    return splats.replace(shN=whole).plain()


def _settings(folder: Path, capture: Capture) -> str:
    """Return the text of cfg_args, the `repr` of an argparse namespace."""
    values = {
        "sh_degree": 3,
        "source_path": str(capture.path.resolve()),
        "model_path": str(folder.resolve()),
        "images": "images",
        "resolution": -1,
        "white_background": False,
        "data_device": "cuda",
        "eval": False,
    }
    return f"Namespace({', '.join(f'{name}={value!r}' for name, value in values.items())})"
