"""Scale by simulation, 10 to 10,000 nodes: the model, its measured inputs, and the tables (docs/scale.md)."""
