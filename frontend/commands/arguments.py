"""Argument lists: expressions between commas."""

from __future__ import annotations


def split_arguments(text: str) -> list[str]:
    """Split at commas that are in no bracket and no quotes; empty text gives no arguments."""
    parts, depth, start = [], 0, 0
    quote = ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [part.strip() for part in parts] if text.strip() else []
