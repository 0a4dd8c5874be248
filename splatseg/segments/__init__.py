"""The table of segments: ids, names, colours, counts and boxes."""
