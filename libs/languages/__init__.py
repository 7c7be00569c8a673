"""Languages: one module each, all behind `Pack`."""
