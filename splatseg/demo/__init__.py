"""A small capture that comes with the package, with the truth about it."""

from splatseg.demo.demo import demo_capture as demo_capture
