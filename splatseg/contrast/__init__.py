"""Features from masks by contrastive training: the paper's method (`paper`), and ours on frozen geometry."""

from splatseg.contrast.config import ContrastConfig as ContrastConfig
from splatseg.contrast.paper import FeatureReport as FeatureReport
from splatseg.contrast.paper import PaperConfig as PaperConfig
from splatseg.contrast.paper import PaperObjective as PaperObjective
from splatseg.contrast.paper import fit_paper_features as fit_paper_features
from splatseg.contrast.train import fit_contrast_features as fit_contrast_features
