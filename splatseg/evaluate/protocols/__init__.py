"""Ways of scoring: objects prompted by their true masks (our own), and the benchmarks of the field to the letter."""

from splatseg.evaluate.protocols.prompted import ObjectPrompt as ObjectPrompt
from splatseg.evaluate.protocols.prompted import ObjectScore as ObjectScore
from splatseg.evaluate.protocols.prompted import ProtocolResult as ProtocolResult
from splatseg.evaluate.protocols.prompted import ProtocolSettings as ProtocolSettings
from splatseg.evaluate.protocols.prompted import ViewScore as ViewScore
from splatseg.evaluate.protocols.prompted import prompts_of as prompts_of
from splatseg.evaluate.protocols.prompted import run_protocol as run_protocol
from splatseg.evaluate.protocols.prompted import score_object as score_object
from splatseg.evaluate.protocols.published import published_of as published_of
from splatseg.evaluate.protocols.registry import PROTOCOLS as PROTOCOLS
from splatseg.evaluate.protocols.registry import ProtocolName as ProtocolName
from splatseg.evaluate.protocols.score import ProtocolScore as ProtocolScore
from splatseg.evaluate.protocols.score import TaskScore as TaskScore
from splatseg.evaluate.protocols.score import read_tasks as read_tasks
from splatseg.evaluate.protocols.score import score_predictions as score_predictions
from splatseg.evaluate.protocols.score import score_task as score_task
from splatseg.evaluate.protocols.task import Protocol as Protocol
from splatseg.evaluate.protocols.task import Row as Row
from splatseg.evaluate.protocols.task import Task as Task
