"""2D segments per view, which need not agree between views."""
