"""2D segments per view, which need not agree between views."""

from splatseg.masks.segments import Segments as Segments
from splatseg.masks.segments import from_label_map as from_label_map
from splatseg.masks.segments import from_masks as from_masks
from splatseg.masks.store import MaskStore as MaskStore
from splatseg.masks.store import open_masks as open_masks
