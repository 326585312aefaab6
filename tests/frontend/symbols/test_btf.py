"""The guest's own types are read; what is none is said in a sentence, in time that its size bounds."""

from __future__ import annotations

import struct

import pytest

from frontend.symbols.btf import ENUM, STRUCT, BadBtf, Btf
from tests.fakes.btf import Writer, sample


def test_types_are_found_by_name_and_have_their_parts() -> None:
    types = Btf(sample())
    number = types.find("task", STRUCT)
    assert number is not None
    entry = types.entry(number)
    parts = [(one.name, one.offset, one.bits) for one in types.members(entry)]
    assert (entry.size, parts) == (
        40,
        [("comm", 0, 0), ("state", 128, 0), ("low", 160, 3), ("", 192, 0), ("call", 256, 0)],
    )
    state = types.find("state", STRUCT, ENUM)
    assert state is not None
    assert types.enumerators(types.entry(state)) == [("RUNNING", 0), ("SLEEPING", 5)]
    assert types.enumerator("SLEEPING") == (state, 5)
    assert types.find("nosuch", STRUCT) is None
    assert types.find("", STRUCT) is None


@pytest.mark.parametrize("length", range(0, len(sample()), 13))
def test_types_that_end_early_are_one_sentence(length: int) -> None:
    with pytest.raises(BadBtf, match=r"^The guest's types \(BTF\) cannot be read: .*[^.]\.$"):
        Btf(sample()[:length])


def test_a_kind_that_is_not_known_is_one_sentence() -> None:
    made = Writer()
    made.add(25, "new", 4)
    with pytest.raises(BadBtf, match="type 1 is of kind 25, which is not known"):
        Btf(made.data())


def test_drgn_has_them() -> None:
    pytest.importorskip("drgn", reason="it has no wheel for this machine, and is an extra")
    from frontend.symbols.drgn_btf import BtfTypes
    from frontend.symbols.drgn_library import Architecture, Object, Platform, Program, offsetof, sizeof

    program = Program(Platform(Architecture.X86_64))
    types = BtfTypes(program, Btf(sample()))
    program.register_type_finder("btf", types.find, enable_index=0)
    task = program.type("struct task")
    assert str(task) == (
        "struct task {\n\tchar comm[16];\n\tenum state state;\n\tint low : 3;\n\tunion {\n\t\tint one;\n\t\t"
        "struct list_head *list;\n\t};\n\tint (*call)(int what);\n}"
    )
    assert (sizeof(task), offsetof(task, "list")) == (40, 24)
    assert str(program.type("task_t")) == "typedef struct task task_t"
    value = bytearray(40)
    value[:4], value[16], value[20] = b"init", 5, 0xFB
    one = Object.from_bytes_(program, task, bytes(value))
    assert (one.comm.string_(), int(one.low), str(one.state)) == (b"init", 3, "(enum state)SLEEPING")


def test_types_about_themselves_have_an_end() -> None:
    pytest.importorskip("drgn", reason="it has no wheel for this machine, and is an extra")
    from frontend.symbols.drgn_btf import BtfTypes
    from frontend.symbols.drgn_library import Architecture, Platform, Program

    made = Writer()
    made.add(8, "one", 2)
    made.add(8, "two", 1)
    made.add(3, "", 0, more=struct.pack("<III", 3, 3, 1))
    types = BtfTypes(Program(Platform(Architecture.X86_64)), Btf(made.data()))
    for number in (1, 2, 3):
        with pytest.raises(BadBtf, match="without an end"):
            types.type(number)
    with pytest.raises(BadBtf, match="there is no type 9"):
        types.type(9)
