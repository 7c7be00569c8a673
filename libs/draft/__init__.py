"""Drafts a shop's mapping from a look at its files."""
