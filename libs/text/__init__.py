"""Text in English and Chinese: cleaning, tokens, aspects, and sentence vectors. No Spark."""
