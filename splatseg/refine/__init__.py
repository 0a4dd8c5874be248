"""Boundaries: Gaussians that straddle two segments, found from the votes, split and settled in a copy."""

from splatseg.refine.atoms import inherited_atoms as inherited_atoms
from splatseg.refine.refine import Refined as Refined
from splatseg.refine.refine import RefineSettings as RefineSettings
from splatseg.refine.refine import refine_boundaries as refine_boundaries
