"""3D segmentation for Gaussian splats, on any machine. The public names; everything else may change.

A name is imported when it is first used, so that `import splatseg` costs nothing and a script that only reads a file
does not load what training needs.
"""

import importlib
from typing import TYPE_CHECKING, Any

import splatseg.threads  # noqa: F401 (before torch, or it has no effect)

# isort: split
from splatseg.version import __version__ as __version__

if TYPE_CHECKING:
    from splatseg.capture import Camera as Camera
    from splatseg.capture import Capture as Capture
    from splatseg.capture import View as View
    from splatseg.capture import load_cameras as load_cameras
    from splatseg.capture import load_capture as load_capture
    from splatseg.capture import orbit_of as orbit_of
    from splatseg.capture import path_through as path_through
    from splatseg.capture import write_transforms as write_transforms
    from splatseg.cluster import Hierarchy as Hierarchy
    from splatseg.cluster import cluster_splats as cluster_splats
    from splatseg.cluster import segments_of as segments_of
    from splatseg.errors import SplatsegError as SplatsegError
    from splatseg.evaluate import ProtocolScore as ProtocolScore
    from splatseg.evaluate import score_predictions as score_predictions
    from splatseg.lift import Agreement as Agreement
    from splatseg.lift import collect_votes as collect_votes
    from splatseg.lift import embed as embed  # type: ignore[no-redef]  # not the module of that name
    from splatseg.lift import fill_unseen as fill_unseen
    from splatseg.masks import open_masks as open_masks
    from splatseg.masks.generate import GenerateSettings as GenerateSettings
    from splatseg.masks.generate import propose_masks as propose_masks
    from splatseg.output import label_map as label_map
    from splatseg.output import selection_coverage as selection_coverage
    from splatseg.output import selection_mask as selection_mask
    from splatseg.output import write_splats_as as write_splats_as
    from splatseg.output import write_video as write_video
    from splatseg.raster import rasterize as rasterize
    from splatseg.refine import RefineSettings as RefineSettings
    from splatseg.refine import refine_boundaries as refine_boundaries
    from splatseg.run import CaptureSettings as CaptureSettings
    from splatseg.run import Film as Film
    from splatseg.run import Found as Found
    from splatseg.run import Language as Language
    from splatseg.run import MasksRequest as MasksRequest
    from splatseg.run import Request as Request
    from splatseg.run import Run as Run
    from splatseg.run import RunSettings as RunSettings
    from splatseg.run import Silent as Silent
    from splatseg.run import Words as Words
    from splatseg.run import describe_run as describe_run
    from splatseg.run import evaluate_protocol as evaluate_protocol
    from splatseg.run import evaluate_run as evaluate_run
    from splatseg.run import export_masks as export_masks
    from splatseg.run import make_masks as make_masks
    from splatseg.run import open_language as open_language
    from splatseg.run import open_run as open_run
    from splatseg.run import refine_run as refine_run
    from splatseg.run import render_video as render_video
    from splatseg.run import segment_run as segment_run
    from splatseg.run import select_in_run as select_in_run
    from splatseg.run import start_run as start_run
    from splatseg.run import train_run as train_run
    from splatseg.select import Knowledge as Knowledge
    from splatseg.select import Prompt as Prompt
    from splatseg.select import Session as Session
    from splatseg.select import grown as grown
    from splatseg.select import select_by_box as select_by_box
    from splatseg.select import select_by_click as select_by_click
    from splatseg.select import select_by_mask as select_by_mask
    from splatseg.select import select_by_prompts as select_by_prompts
    from splatseg.select import shrunk as shrunk
    from splatseg.splats import Splats as Splats
    from splatseg.splats import load_splats as load_splats
    from splatseg.splats import render_rgb as render_rgb
    from splatseg.splats import write_ply as write_ply
    from splatseg.train import TrainConfig as TrainConfig
    from splatseg.train import fit as fit
    from splatseg.words import load_encoder as load_encoder
    from splatseg.words import load_grounder as load_grounder

_NAMES = {
    "capture": (
        "Camera",
        "Capture",
        "View",
        "load_cameras",
        "load_capture",
        "orbit_of",
        "path_through",
        "write_transforms",
    ),
    "cluster": ("Hierarchy", "cluster_splats", "segments_of"),
    "errors": ("SplatsegError",),
    "evaluate": ("ProtocolScore", "score_predictions"),
    "lift": ("Agreement", "collect_votes", "embed", "fill_unseen"),
    "masks": ("open_masks",),
    "masks.generate": ("GenerateSettings", "propose_masks"),
    "output": ("label_map", "selection_coverage", "selection_mask", "write_splats_as", "write_video"),
    "raster": ("rasterize",),
    "refine": ("RefineSettings", "refine_boundaries"),
    "run": (
        "CaptureSettings",
        "Film",
        "Found",
        "Language",
        "MasksRequest",
        "Request",
        "Run",
        "RunSettings",
        "Silent",
        "Words",
        "describe_run",
        "evaluate_protocol",
        "evaluate_run",
        "export_masks",
        "make_masks",
        "open_language",
        "open_run",
        "refine_run",
        "render_video",
        "segment_run",
        "select_in_run",
        "start_run",
        "train_run",
    ),
    "select": (
        "Knowledge",
        "Prompt",
        "Session",
        "grown",
        "select_by_box",
        "select_by_click",
        "select_by_mask",
        "select_by_prompts",
        "shrunk",
    ),
    "splats": ("Splats", "load_splats", "render_rgb", "write_ply"),
    "train": ("TrainConfig", "fit"),
    "words": ("load_encoder", "load_grounder"),
}
_STAGE_OF = {name: stage for stage, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _STAGE_OF:
        raise AttributeError(f"module 'splatseg' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"splatseg.{_STAGE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_STAGE_OF])
