"""Selection: from prompts to a set of Gaussians."""
