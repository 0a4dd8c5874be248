"""Checks of what is given together: capture, masks and splat, before hours are spent and before anything is written."""
