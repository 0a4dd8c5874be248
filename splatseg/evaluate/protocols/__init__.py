"""Ways of scoring: objects prompted by their true masks (our own), and the benchmarks of the field to the letter."""
