"""The completions for bash."""

from __future__ import annotations

import shlex

from docs.command_line import Command, Option, Place, commands
from docs.completions.template import LISTEN_WORDS, MADE, TARGET_WORDS, WITH_PATH, filled

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
    return filled(
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
