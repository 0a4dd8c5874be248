"""The whole job on a run folder, a verb a file, named as the command line names it."""
