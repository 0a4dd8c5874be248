"""The photometric fit of a splat to photographs."""

from splatseg.train.config import TrainConfig as TrainConfig
from splatseg.train.losses import JointObjective as JointObjective
from splatseg.train.train import StepReport as StepReport
from splatseg.train.train import fit as fit
