"""From features to segments."""
