"""When jobs run. jobs/catalog.py says what they are, read and write."""
