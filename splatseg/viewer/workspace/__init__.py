"""The state of one browser: its selection, hidden Gaussians, prompts and history; independent of the page."""
