"""Guards of all readers: files from anywhere may declare, nest and expand at will, and readers must stay small."""
