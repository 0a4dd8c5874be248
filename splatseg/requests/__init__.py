"""Requests: everything that the command line asks of a job, as data. Light to import, so that a help text is too."""
