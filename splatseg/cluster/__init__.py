"""From features and votes to a hierarchy of segments."""
