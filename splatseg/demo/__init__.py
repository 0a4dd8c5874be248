"""A small capture that comes with the package, with its ground truth."""
