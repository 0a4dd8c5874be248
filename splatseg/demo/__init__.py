"""A small capture that comes with the package, with the truth about it."""
