"""Forms of an export that are jobs of their own."""
