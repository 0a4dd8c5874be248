"""Making masks from photographs: by a model of the SAM families, or by any other generator."""

from splatseg.masks.generate.generators import FunctionGenerator as FunctionGenerator
from splatseg.masks.generate.generators import MaskGenerator as MaskGenerator
from splatseg.masks.generate.generators import open_generator as open_generator
from splatseg.masks.generate.mask_model import MaskModel as MaskModel
from splatseg.masks.generate.mask_model import load_mask_model as load_mask_model
from splatseg.masks.generate.proposals import Proposals as Proposals
from splatseg.masks.generate.settings import GenerateSettings as GenerateSettings
from splatseg.masks.propose import propose_masks as propose_masks
