"""Mask proposals from the image alone: no model, no weights."""

from splatseg.masks.propose.propose import DEFAULTS as DEFAULTS
from splatseg.masks.propose.propose import ProposalSettings as ProposalSettings
from splatseg.masks.propose.propose import propose_masks as propose_masks
from splatseg.masks.propose.propose import propose_reduced as propose_reduced
