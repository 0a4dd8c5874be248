"""From a prompt to a set of Gaussians."""

from splatseg.select.box import select_by_box as select_by_box
from splatseg.select.click import select_by_click as select_by_click
from splatseg.select.mask_prompt import select_by_mask as select_by_mask
from splatseg.select.prompts import Knowledge as Knowledge
from splatseg.select.prompts import Prompt as Prompt
from splatseg.select.prompts import select_by_prompts as select_by_prompts
from splatseg.select.selection import Selection as Selection
from splatseg.select.session import Session as Session
from splatseg.select.steps import grown as grown
from splatseg.select.steps import shrunk as shrunk
