"""Features from masks, by three methods with one result: `lift`, `contrast` and `paper`."""
