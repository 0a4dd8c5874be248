"""The 3D model: Gaussians, their colours, their files, their pictures."""

from splatseg.splats.initialise import from_points as from_points
from splatseg.splats.load import load_splats as load_splats
from splatseg.splats.ply import read_ply as read_ply
from splatseg.splats.ply import write_ply as write_ply
from splatseg.splats.render import render_channels as render_channels
from splatseg.splats.render import render_depth as render_depth
from splatseg.splats.render import render_rgb as render_rgb
from splatseg.splats.segment_sidecar import read_sidecar_table as read_sidecar_table
from splatseg.splats.splat_file import read_splat as read_splat
from splatseg.splats.splat_file import write_splat as write_splat
from splatseg.splats.splats import Splats as Splats
