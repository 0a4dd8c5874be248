"""Blending of per-Gaussian features into images: one signature, several backends."""

from splatseg.raster.interface import Growth as Growth
from splatseg.raster.interface import PixelPlan as PixelPlan
from splatseg.raster.interface import Plan as Plan
from splatseg.raster.interface import Raster as Raster
from splatseg.raster.interface import RasterSettings as RasterSettings
from splatseg.raster.interface import SparseWeights as SparseWeights
from splatseg.raster.interface import accumulate as accumulate
from splatseg.raster.interface import available_backends as available_backends
from splatseg.raster.interface import contributors as contributors
from splatseg.raster.interface import prepare as prepare
from splatseg.raster.interface import prepare_pixels as prepare_pixels
from splatseg.raster.interface import rasterize as rasterize
from splatseg.raster.interface import rasterize_levels as rasterize_levels
from splatseg.raster.interface import rasterize_pixels as rasterize_pixels
from splatseg.raster.interface import rasterize_plan as rasterize_plan
from splatseg.raster.interface import vote as vote
