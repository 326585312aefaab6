"""The completions for fish."""

from __future__ import annotations

from docs.command_line import Option, Place, commands
from docs.completions.template import LISTEN_WORDS, MADE, TARGET_WORDS, WITH_PATH, filled

FISH = r"""
function __dr6_target
    set -l word (commandline -ct)
    set -l scheme (string match -r '^(?:@with_path@):' -- $word)
    if test -n "$scheme"
        for path in (__fish_complete_path (string replace -- $scheme '' $word))
            printf '%s%s\n' $scheme $path
        end
    else
        printf '%s\n' @target@
        __fish_complete_path $word
    end
end

function __dr6_listen
    set -l word (commandline -ct)
    if string match -q 'unix:*' -- $word
        for path in (__fish_complete_path (string replace unix: '' -- $word))
            printf 'unix:%s\n' $path
        end
    else
        printf '%s\n' @listen@
    end
end

complete -c dr6 -f
@rows@
"""


def fish() -> str:
    every = commands()
    rows = []
    for command in every:
        when = f"-n '__fish_seen_subcommand_from {command.name}'" if command.name else "-n __fish_use_subcommand"
        rows += [f"complete -c dr6 {when} {_fish_option(option)}" for option in command.options]
        rows += [f"complete -c dr6 {when} {_fish_value(place)}" for place in command.places if not place.behind]
    rows += [f"complete -c dr6 -n __fish_use_subcommand -a {row.name} -d {_fish_quote(row.help)}" for row in every[1:]]
    return filled(
        MADE + FISH,
        rows="\n".join(rows),
        with_path="|".join(WITH_PATH),
        target=" ".join(TARGET_WORDS),
        listen=" ".join(LISTEN_WORDS),
    )


def _fish_option(option: Option) -> str:
    names = []
    for name in option.names:
        bare = name.lstrip("-")
        names.append(f"-l {bare}" if name.startswith("--") else f"-s {bare}" if len(bare) == 1 else f"-o {bare}")
    value = "" if option.kind == "flag" else f" {_fish_value(option)}"
    about = f" -d {_fish_quote(option.help)}" if option.help else ""
    return " ".join(names) + value + about


def _fish_value(what: Option | Place) -> str:
    required = "r" if isinstance(what, Option) else ""
    if what.kind == "files":
        return f"-{required}F"
    exclusive = "-x" if required else "-f"
    given = {"words": " ".join(what.words), "target": "(__dr6_target)", "listen": "(__dr6_listen)", "any": ""}
    return f"{exclusive} -a {_fish_quote(given[what.kind])}" if given[what.kind] else exclusive


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", r"\'") + "'"
