"""Features in closed form: the degree-normalised truncated SVD of the votes."""
