"""From candidates to the final list, in NumPy: exact top-K, source fusion, shop rules, diversity."""
