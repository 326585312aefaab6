"""An explanation in words: the summary, what was missing, what can be done, and the whole answer as text."""
