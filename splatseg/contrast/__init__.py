"""Features from masks by contrastive training."""

from splatseg.contrast.config import ContrastConfig as ContrastConfig
from splatseg.contrast.train import FeatureReport as FeatureReport
from splatseg.contrast.train import PaperObjective as PaperObjective
from splatseg.contrast.train import fit_features as fit_features
