"""Evidence, sentences and the check that the sentences say no more than the evidence."""
