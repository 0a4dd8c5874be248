"""3D segmentation for Gaussian splats, on any machine. The public names; everything else may change."""

import splatseg.threads  # noqa: F401 (before torch, or it has no effect)

# isort: split
from splatseg.capture import Camera as Camera
from splatseg.capture import Capture as Capture
from splatseg.capture import View as View
from splatseg.capture import load_capture as load_capture
from splatseg.cluster import cluster_splats as cluster_splats
from splatseg.errors import SplatsegError as SplatsegError
from splatseg.lift import collect_votes as collect_votes
from splatseg.lift import embed as embed
from splatseg.lift import fill_unseen as fill_unseen
from splatseg.masks import open_masks as open_masks
from splatseg.output import label_map as label_map
from splatseg.output import selection_mask as selection_mask
from splatseg.raster import rasterize as rasterize
from splatseg.run import CaptureSettings as CaptureSettings
from splatseg.run import Run as Run
from splatseg.run import RunSettings as RunSettings
from splatseg.run import evaluate_run as evaluate_run
from splatseg.run import open_run as open_run
from splatseg.run import segment_run as segment_run
from splatseg.run import start_run as start_run
from splatseg.run import train_run as train_run
from splatseg.select import select_by_box as select_by_box
from splatseg.select import select_by_click as select_by_click
from splatseg.select import select_by_mask as select_by_mask
from splatseg.splats import Splats as Splats
from splatseg.splats import load_splats as load_splats
from splatseg.splats import render_rgb as render_rgb
from splatseg.splats import write_ply as write_ply
from splatseg.train import TrainConfig as TrainConfig
from splatseg.train import fit as fit
from splatseg.version import __version__ as __version__
