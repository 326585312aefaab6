"""The completions for bash, zsh and fish, each a script that needs nothing but its shell."""

from __future__ import annotations

from collections.abc import Callable

from docs.completions.bash import bash
from docs.completions.fish import fish
from docs.completions.zsh import zsh

FILES: dict[str, Callable[[], str]] = {
    "bash-completion/completions/dr6": bash,
    "zsh/site-functions/_dr6": zsh,
    "fish/vendor_completions.d/dr6.fish": fish,
}
"""Where each shell looks, below share/."""
