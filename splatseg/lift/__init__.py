"""Features from masks in closed form: votes, then their spectral embedding."""

from splatseg.lift.embed import EmbedSettings as EmbedSettings
from splatseg.lift.embed import embed as embed
from splatseg.lift.embed import fill_unseen as fill_unseen
from splatseg.lift.votes import Votes as Votes
from splatseg.lift.votes import collect_votes as collect_votes
