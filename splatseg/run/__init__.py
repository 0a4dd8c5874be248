"""The whole job on a run folder. The command line calls these functions, and so can you."""

from splatseg.run.demo import demo_run as demo_run
from splatseg.run.describe import describe as describe
from splatseg.run.describe import describe_machine as describe_machine
from splatseg.run.evaluate import evaluate_run as evaluate_run
from splatseg.run.export import export_run as export_run
from splatseg.run.folder import Run as Run
from splatseg.run.folder import create_run as create_run
from splatseg.run.folder import open_run as open_run
from splatseg.run.refine import refine_run as refine_run
from splatseg.run.render import Picture as Picture
from splatseg.run.render import render_run as render_run
from splatseg.run.reporter import Silent as Silent
from splatseg.run.request import Request as Request
from splatseg.run.segment import regroup_run as regroup_run
from splatseg.run.segment import segment_run as segment_run
from splatseg.run.select import select_in_run as select_in_run
from splatseg.run.settings import AUTO_MASKS as AUTO_MASKS
from splatseg.run.settings import CaptureSettings as CaptureSettings
from splatseg.run.settings import RunSettings as RunSettings
from splatseg.run.train import start_run as start_run
from splatseg.run.train import train_run as train_run
