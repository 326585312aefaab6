"""The completions for zsh."""

from __future__ import annotations

from collections.abc import Iterator

from docs.command_line import Command, Option, Place, commands
from docs.completions.template import LISTEN_WORDS, MADE, TARGET_WORDS, WITH_PATH, filled

ZSH = r"""
_dr6_target() {
    if compset -P '@with_path@:'; then
        _files
        return
    fi
    local found=1
    compadd -S '' -- @target@ && found=0
    _files && found=0
    return found
}

_dr6_listen() {
    if compset -P 'unix:'; then
        _files
        return
    fi
    compadd -S '' -- @listen@
}

_dr6() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    _arguments -C \
@top@
        '1:command:->command' \
        '*::argument:->arguments' && return
    case $state in
        command)
            local -a commands=(
@commands@
            )
            _describe command commands
            ;;
        arguments)
            case $words[1] in
@arguments@
            esac
            ;;
    esac
}

_dr6 "$@"
"""


def zsh() -> str:
    every = commands()
    rows = []
    for command in every[1:]:
        specs = [*_zsh_specs(command), *map(_zsh_place, command.places)]
        body = " \\\n".join(f"                        {spec}" for spec in specs)
        rows.append(
            f"                {command.name})\n                    _arguments \\\n{body}\n                    ;;"
        )
    return filled(
        f"#compdef dr6\n{MADE}{ZSH}",
        top="\n".join(f"        {spec} \\" for spec in _zsh_specs(every[0])),
        commands="\n".join(f"                {_zsh_quote(f'{row.name}:{row.help}')}" for row in every[1:]),
        arguments="\n".join(rows),
        with_path=f"({'|'.join(WITH_PATH)})",
        target=" ".join(TARGET_WORDS),
        listen=" ".join(LISTEN_WORDS),
    )


def _zsh_specs(command: Command) -> Iterator[str]:
    for option in command.options:
        others = "*" if option.repeatable else f"({' '.join(option.names)})" if len(option.names) > 1 else ""
        for name in option.names:
            equals = "=" if option.kind != "flag" and name.startswith("--") else ""
            about = f"[{_zsh_escape(option.help, '[]')}]" if option.help else ""
            value = "" if option.kind == "flag" else f":{_zsh_escape(option.value, ':')}:{_zsh_action(option)}"
            yield _zsh_quote(f"{others}{name}{equals}{about}{value}")


def _zsh_place(place: Place) -> str:
    where = "*" if place.many else ":" if place.optional else ""
    return _zsh_quote(f"{where}:{_zsh_escape(place.value, ':')}:{_zsh_action(place)}")


def _zsh_action(what: Option | Place) -> str:
    actions = {"files": "_files", "target": "_dr6_target", "listen": "_dr6_listen", "any": " "}
    return f"({' '.join(what.words)})" if what.kind == "words" else actions[what.kind]


def _zsh_escape(text: str, characters: str) -> str:
    return "".join(f"\\{character}" if character in characters + "\\" else character for character in text)


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"
