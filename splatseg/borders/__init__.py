"""What the merge trees of all views say of Gaussians: where things end on the surface, and atoms of that."""
