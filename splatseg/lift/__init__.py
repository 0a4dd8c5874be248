"""Features from masks in closed form: votes, their spectral embedding, and what votes say of sets of Gaussians."""

from splatseg.lift.agreement import Agreement as Agreement
from splatseg.lift.confidence import Confidence as Confidence
from splatseg.lift.confidence import segment_confidence as segment_confidence
from splatseg.lift.embed import EmbedSettings as EmbedSettings
from splatseg.lift.embed import embed as embed
from splatseg.lift.embed import fill_unseen as fill_unseen
from splatseg.lift.votes import Votes as Votes
from splatseg.lift.votes import collect_votes as collect_votes
from splatseg.lift.votes_file import read_votes as read_votes
from splatseg.lift.votes_file import write_votes as write_votes
