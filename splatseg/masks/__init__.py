"""2D segments of each view, which need not agree between views."""
