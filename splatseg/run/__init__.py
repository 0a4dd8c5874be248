"""A run on disk: its folder, its settings, and the reporter that shows the progress of a job."""
