"""The whole job on a run folder. The command line calls these functions, and so can you."""
