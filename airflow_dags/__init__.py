"""When jobs run. What they are, read and write is in jobs/catalog.py."""
