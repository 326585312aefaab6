"""Assembly is coloured by what each word is."""

from __future__ import annotations

import pytest

from frontend.tui.highlight import highlight


def styles(text: str) -> dict[str, str]:
    return {piece: style.removeprefix("class:code.") for style, piece in highlight(text) if not piece.isspace()}


def test_the_pieces_join_to_the_text() -> None:
    for text in ("lock xadd dword ptr gs:[rbx*8 - 1], ecx", "(bad)", "", "vpxor ymm0, ymm1, ymm2", "\\x1b[31m"):
        assert "".join(piece for _, piece in highlight(text)) == text


@pytest.mark.parametrize(
    ("text", "word", "style"),
    [
        ("mov rax, qword ptr [rip + 0x10]", "mov", "mnemonic"),
        ("mov rax, qword ptr [rip + 0x10]", "rax", "register"),
        ("mov rax, qword ptr [rip + 0x10]", "rip", "register"),
        ("mov rax, qword ptr [rip + 0x10]", "qword", "size"),
        ("mov rax, qword ptr [rip + 0x10]", "ptr", "size"),
        ("mov rax, qword ptr [rip + 0x10]", "0x10", "number"),
        ("mov dr7, rax", "dr7", "register"),
        ("rep movsb byte ptr [rdi], byte ptr [rsi]", "movsb", "mnemonic"),
        ("lock inc dword ptr [rax]", "inc", "mnemonic"),
        ("int 1", "1", "number"),
    ],
)
def test_a_word_has_its_style(text: str, word: str, style: str) -> None:
    assert styles(text)[word] == style
