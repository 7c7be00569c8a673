"""Text of any language: cleaning, words, and sentence vectors. No Spark."""
