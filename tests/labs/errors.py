"""How a lab ends that does not end well. The text is one sentence for the user."""

from __future__ import annotations


class LabError(Exception):
    """The lab could not be built, or what it showed is not what it has to show."""


class LabSkipped(Exception):
    """This machine lacks something that the lab can't bring along."""
