"""What one browser has selected, hidden and asked; knows nothing of any page."""
