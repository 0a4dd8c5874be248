"""A run on disk: its folder, its settings, and the reporter that long work talks to."""
