"""Words as prompts: what segments look like in the language of CLIP, what detectors find in photographs, and whether
words mean anything in the scene at all."""

from splatseg.words.chosen_views import choose_views as choose_views
from splatseg.words.consensus import Objects as Objects
from splatseg.words.consensus import agreed_objects as agreed_objects
from splatseg.words.crops import Crop as Crop
from splatseg.words.crops import best_crops as best_crops
from splatseg.words.described import Described as Described
from splatseg.words.described import describe as describe
from splatseg.words.described import read_described as read_described
from splatseg.words.described import write_described as write_described
from splatseg.words.encoder import FAMILIES as FAMILIES
from splatseg.words.encoder import Encoder as Encoder
from splatseg.words.encoder import load_encoder as load_encoder
from splatseg.words.grounding import Grounder as Grounder
from splatseg.words.grounding import load_grounder as load_grounder
from splatseg.words.query import HERE as HERE
from splatseg.words.query import Answer as Answer
from splatseg.words.query import Scale as Scale
from splatseg.words.vocabulary import caption as caption
from splatseg.words.vocabulary import common_words as common_words
from splatseg.words.vocabulary import read_words as read_words
