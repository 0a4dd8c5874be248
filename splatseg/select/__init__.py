"""From a prompt to a set of Gaussians."""
