"""The completions for bash, zsh and fish, each a script that needs nothing but its shell."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

from docs.command_line import SCHEMES, Command, Option, Place, commands

MADE = "# Made by `make docs` from the command line of dr6.\n"
WITH_PATH = ("unix", "serial", "replay")
TARGET_WORDS = tuple(f"{scheme}:" for scheme in SCHEMES)
LISTEN_WORDS = ("localhost:", "unix:")

BASH = r"""
# _dr6_due COMMAND OPTION: what comes behind the option; _dr6_due COMMAND -: at the command's own place.
_dr6_due() {
    case "$1 $2" in
@due@
        *) due= ;;
    esac
}

_dr6_options() {
    case $1 in
@options@
    esac
}

# _dr6_files PREFIX BEGINNING
_dr6_files() {
    local file
    compopt -o filenames 2>/dev/null
    while IFS= read -r file; do COMPREPLY+=("$1$file"); done < <(compgen -f -- "$2")
}

# _dr6_words PREFIX BEGINNING WORDS: a colon at the end wants more
_dr6_words() {
    local word
    while IFS= read -r word; do
        [[ $word == *: ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("$1$word")
    done < <(compgen -W "$3" -- "$2")
}

_dr6() {
    local word line=${COMP_LINE-} command= option= due= taken= behind= prefix= i
    local -a words=()
    COMPREPLY=()
    # readline splits words at = and :, the shell does not
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]-}
        if ((i > 0)) && [[ -n ${COMP_LINE-} && $line != [[:space:]]* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        line=${line#"${line%%[![:space:]]*}"}
        line=${line#"$word"}
    done

    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ -n $option ]]; then
            option=
        elif [[ $word == -- ]]; then
            behind=1
            break
        elif [[ $word == -* ]]; then
            _dr6_due "$command" "$word"
            [[ -z $due ]] || option=$word
        elif [[ -z $command ]]; then
            command=$word
        else
            taken=1
        fi
    done

    local all=${words[${#words[@]} - 1]} cur
    cur=$all
    if [[ -z $option && -z $behind && $cur == --*=* ]]; then
        option=${cur%%=*} prefix=${cur%%=*}= cur=${cur#*=}
    fi
    if [[ -n $behind ]]; then
        due=files
    elif [[ -n $option ]]; then
        _dr6_due "$command" "$option"
    elif [[ $cur == -* ]]; then
        due="words $(_dr6_options "$command")"
    elif [[ -z $command ]]; then
        due="words @commands@"
    elif [[ -n $taken ]]; then
        due=
    else
        _dr6_due "$command" -
    fi

    case $due in
        words\ *) _dr6_words "$prefix" "$cur" "${due#words }" ;;
        files) _dr6_files "$prefix" "$cur" ;;
        target | listen)
            if [[ $cur == @with_path@ ]]; then
                _dr6_files "$prefix${cur%%:*}:" "${cur#*:}"
            elif [[ $due == listen ]]; then
                _dr6_words "$prefix" "$cur" "@listen@"
            else
                _dr6_words "$prefix" "$cur" "@target@"
                _dr6_files "$prefix" "$cur"
            fi
            ;;
    esac

    # readline replaces what is behind the last place where it splits
    local breaks=${COMP_WORDBREAKS-}
    breaks=${breaks//[^=:]/}
    if [[ -n $breaks && $all == *["$breaks"]* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${all%"${all##*["$breaks"]}"}"}")
    fi
}

complete -F _dr6 dr6
"""


def bash() -> str:
    every = commands()
    due = []
    for command in every:
        rows: dict[str, list[str]] = {}
        for option in command.options:
            if option.kind != "flag":
                rows.setdefault(_bash_due(option), []).extend(option.names)
        if command.places and not command.places[0].behind:
            rows.setdefault(_bash_due(command.places[0]), []).append("-")
        for what, names in rows.items():
            due.append(f"        {' | '.join(shlex.quote(f'{command.name} {name}') for name in names)}) due={what} ;;")
    options = [f"        {command.name or shlex.quote('')}) echo {_all_names(command)} ;;" for command in every]
    return _filled(
        MADE + BASH,
        due="\n".join(due),
        options="\n".join(options),
        commands=" ".join(command.name for command in every[1:]),
        with_path=f"@({'|'.join(WITH_PATH)}):*",
        target=" ".join(TARGET_WORDS),
        listen=" ".join(LISTEN_WORDS),
    )


def _bash_due(what: Option | Place) -> str:
    return shlex.quote(f"words {' '.join(what.words)}") if what.kind == "words" else what.kind


def _all_names(command: Command) -> str:
    return " ".join(name for option in command.options for name in option.names)


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
    return _filled(
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
    return _filled(
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


def _filled(template: str, **parts: str) -> str:
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template


FILES: dict[str, Callable[[], str]] = {
    "bash-completion/completions/dr6": bash,
    "zsh/site-functions/_dr6": zsh,
    "fish/vendor_completions.d/dr6.fish": fish,
}
"""Where each shell looks, below share/."""
