"""Contrastive Gaussian Clustering as its official code has it: the reference every claim is measured against."""

from splatseg.contrast.paper.config import PaperConfig as PaperConfig
from splatseg.contrast.paper.train import FeatureReport as FeatureReport
from splatseg.contrast.paper.train import PaperObjective as PaperObjective
from splatseg.contrast.paper.train import fit_paper_features as fit_paper_features
