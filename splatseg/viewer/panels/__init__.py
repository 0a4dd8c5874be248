"""The tabs of the side panel, one module each, and the controls they are made of."""
