"""Offline metrics of ranked lists, in NumPy: accuracy, beyond accuracy, and the intervals that go with them."""
