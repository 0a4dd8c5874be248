"""Forms in which a selection is taken away."""
