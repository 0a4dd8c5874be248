"""Features from masks in closed form: votes, their spectral embedding, and what votes say of sets of Gaussians."""
