"""From candidates to the final list, in NumPy: exact top-K and source fusion."""
