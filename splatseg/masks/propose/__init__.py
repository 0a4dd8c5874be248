"""Masks proposed from photographs: by a model of the SAM families, or from the image alone."""
