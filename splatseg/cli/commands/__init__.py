"""The commands of splatseg, one a file: arguments as data, and a call of a job."""
