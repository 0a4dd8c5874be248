"""The parts of the tab Select: tools of the picture, sliders of a click, ranges of values, volumes."""
