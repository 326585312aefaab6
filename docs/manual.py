"""The manual page, dr6(1), in the man macros that groff and mandoc both know."""

from __future__ import annotations

import re
from pathlib import Path

from docs.command_line import Command, Option, Place, commands
from frontend.cli.arguments.groups import TARGETS
from frontend.cli.parser import EXITS
from frontend.version import FALLBACK

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"

DESCRIPTION = (
    "dr6 debugs x86 guests behind a GDB stub (QEMU with TCG or KVM, Xen's gdbsx, and others), and says why the guest "
    "stopped: which causes, whose, fault or trap, and how sure that is.",
    "Without a command, and with --help, it lists the commands; dr6 COMMAND --help tells of one.",
    "Options may be shortened to a beginning that no other option has. Results go to standard output, messages and "
    "progress to standard error; every error is one sentence.",
)
ENVIRONMENT = (
    ("NO_COLOR", "Set to anything: no colours."),
    ("TERM", "With dumb there is no screen."),
    ("XDG_STATE_HOME", "Where dr6 keeps, in dr6/planted, what it wrote into Xen's guests (default: ~/.local/state)."),
)
EXAMPLES = (
    ("A screen for a QEMU that was started with -gdb unix:gdb.sock,server=on,wait=off:", "dr6 attach unix:gdb.sock"),
    (
        "QEMU with an image, without a screen, up to its first #DB:",
        "dr6 launch guest.elf --batch -ex 'catch db' -ex continue -ex why",
    ),
    ("Ten thousand steps as JSON lines:", "dr6 trace :1234 --steps 10000 --output steps.jsonl"),
    ("What a DR6 from a log says:", "dr6 explain --dr6 0xffff4ff0"),
)


def manual() -> str:
    """The whole page."""
    every = commands()
    top, below = every[0], every[1:]
    lines = [
        '.\\" Made by `make docs` from the command line of dr6.',
        f'.TH DR6 1 {released()} "dr6 {FALLBACK}" "User Commands"',
        ".SH NAME",
        r"dr6 \- say why an x86 guest stopped",
        ".SH SYNOPSIS",
        "\n.br\n".join(_synopsis(command) for command in below),
        ".SH DESCRIPTION",
        *_paragraphs(DESCRIPTION),
        ".SH OPTIONS",
        *(line for option in top.options for line in _option(option)),
        ".SH COMMANDS",
        *(line for command in below for line in _section(command)),
        ".SH TARGETS",
        *_paragraphs([TARGETS.removeprefix("TARGET: ")]),
        '.SH "EXIT STATUS"',
        *_paragraphs([EXITS.removeprefix("Exit codes: ")]),
        ".SH ENVIRONMENT",
        *(line for name, text in ENVIRONMENT for line in (".TP", f".B {name}", escape(text))),
        ".SH EXAMPLES",
        "\n.PP\n".join(_example(text, example) for text, example in EXAMPLES),
        '.SH "SEE ALSO"',
        ".BR gdb (1),",
        ".BR qemu\\-system\\-x86_64 (1)",
    ]
    return "\n".join([*lines, ""])


def released() -> str:
    """The day of the newest version that the changelog has."""
    found = re.search(r"^## \[\d[^]]*\] - (\d{4}-\d\d-\d\d)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError("CHANGELOG.md has no version with a day")
    return found[1]


def escape(text: str) -> str:
    """As roff takes it, in ASCII, on one line; a hyphen is one that can be copied."""
    for character, written in (("\\", r"\e"), ("-", r"\-"), ("…", "..."), ("’", "'"), ("^", r"\(ha"), ("~", r"\(ti")):
        text = text.replace(character, written)
    text = " ".join(text.split())
    if not text.isascii():
        raise ValueError(f"no roff for {text!r}")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _paragraphs(texts: list[str] | tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for number, text in enumerate(texts):
        lines += [".PP"] if number else []
        lines += [escape(sentence) for sentence in re.split(r"(?<=\.) (?=[A-Z])", text)]
    return lines


def _synopsis(command: Command) -> str:
    places = " ".join(_place(place) for place in command.places)
    return rf"\fBdr6 {escape(command.name)}\fR [\fIOPTION\fR]... {places}".rstrip()


def _place(place: Place) -> str:
    named = rf"\fI{escape(place.value)}\fR"
    if place.behind:
        return rf"[\fB\-\-\fR {named}]"
    return f"[{named}]" if place.optional else named


def _section(command: Command) -> list[str]:
    lines = [f'.SS "dr6 {escape(command.name)}"', escape(command.help)]
    for place in command.places:
        if place.help:
            lines += [".TP", rf"\fI{escape(place.value)}\fR", escape(_sentence(place.help))]
    for option in command.options:
        if "--help" not in option.names:
            lines += _option(option)
    if command.epilog and command.epilog != TARGETS:
        lines += [".PP", *_epilog(command.epilog)]
    return lines


def _epilog(text: str) -> list[str]:
    """Lines that begin with blanks are for the shell."""
    lines: list[str] = []
    for line in text.splitlines():
        lines += [".PP", ".nf", rf"\fB{escape(line)}\fR", ".fi"] if line.startswith("  ") else [escape(line)]
    return lines


def _option(option: Option) -> list[str]:
    value = rf" \fI{escape(option.value)}\fR" if option.value else ""
    names = ", ".join(rf"\fB{escape(name)}\fR{value}" for name in option.names)
    text = _sentence(option.help or (f"One of {', '.join(option.words)}." if option.words else ""))
    return [".TP", names, escape(text) or r"\&"]


def _sentence(text: str) -> str:
    if re.match(r"[a-z]+:? ", text):  # not a name, such as qemu-tcg
        text = text[0].upper() + text[1:]
    return text if not text or text.endswith((".", "…")) else f"{text}."


def _example(text: str, example: str) -> str:
    return "\n".join([escape(text), ".PP", ".RS", ".nf", rf"\fB{escape(example)}\fR", ".fi", ".RE"])
