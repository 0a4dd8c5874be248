"""Files that the viewer writes."""
