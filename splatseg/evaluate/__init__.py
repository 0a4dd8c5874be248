"""Measuring results against ground truth."""

from splatseg.evaluate.images import ImageScore as ImageScore
from splatseg.evaluate.images import psnr as psnr
from splatseg.evaluate.images import score_image as score_image
from splatseg.evaluate.images import ssim as ssim
from splatseg.evaluate.protocols import PROTOCOLS as PROTOCOLS
from splatseg.evaluate.protocols import ProtocolName as ProtocolName
from splatseg.evaluate.protocols import ProtocolResult as ProtocolResult
from splatseg.evaluate.protocols import ProtocolScore as ProtocolScore
from splatseg.evaluate.protocols import ProtocolSettings as ProtocolSettings
from splatseg.evaluate.protocols import prompts_of as prompts_of
from splatseg.evaluate.protocols import read_tasks as read_tasks
from splatseg.evaluate.protocols import run_protocol as run_protocol
from splatseg.evaluate.protocols import score_object as score_object
from splatseg.evaluate.protocols import score_predictions as score_predictions
from splatseg.evaluate.segmentation import adjusted_rand_index as adjusted_rand_index
from splatseg.evaluate.segmentation import boundary_iou as boundary_iou
from splatseg.evaluate.segmentation import iou as iou
from splatseg.evaluate.segmentation import panoptic_quality as panoptic_quality
from splatseg.evaluate.tables import Evaluation as Evaluation
from splatseg.evaluate.tables import protocol_tables as protocol_tables
from splatseg.evaluate.truth import Truth as Truth
from splatseg.evaluate.truth import read_truth as read_truth
