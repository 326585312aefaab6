"""Fuzzing of what clients send, by hand: ``python -m tests.fuzz TARGET [SECONDS]`` (docs/testing.md)."""
