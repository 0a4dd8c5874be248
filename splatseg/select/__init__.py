"""From prompts to a set of Gaussians."""
