"""Target descriptions: what is read, what is written, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.layout import (
    Enumeration,
    Feature,
    Field,
    Flags,
    Register,
    RegisterLayout,
    Structure,
    Type,
    Union,
    VectorType,
    make_layout,
)
from gdbstub.protocol.target_xml import (
    MAX_DOCUMENT,
    MAX_ELEMENTS,
    MAX_INCLUDES,
    MAX_NESTING,
    annexes_wanted,
    parse_description,
)
from gdbstub.protocol.target_xml_writer import format_description

TARGET = b"""<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target>
<architecture>i386:x86-64</architecture><osabi>GNU/Linux</osabi><xi:include href="core.xml"/>
<feature name="org.gnu.gdb.i386.segments"><reg name="fs_base" bitsize="64" type="int"/></feature>
<unheard-of><reg name="no"/></unheard-of></target>"""
CORE = b"""<?xml version="1.0"?>
<!-- Copyright -->
<!DOCTYPE feature SYSTEM "gdb-target.dtd">
<feature name="org.gnu.gdb.i386.core">
  <flags id="i386_eflags" size="4">
    <field name="" start="22" end="31"/>
    <field name="TF" start="8" end="8" type="bool"/>
  </flags>
  <vector id="v4f" type="ieee_single" count="4"/>
  <union id="vec128"><field name="v4_float" type="v4f"/><field name="uint128" type="uint128"/></union>
  <struct id="pair" size="8"><field name="lo" start="0" end="31"/><field name="hi" start="32" end="63"/></struct>
  <struct id="both"><field name="a" type="int8"/></struct>
  <enum id="level" size="4"><evalue name="kernel" value="0"/><evalue name="user" value="0x3"/></enum>
  <!-- <reg name="commented" bitsize="64"/> -->
  <unheard-of/>
  <reg name="rax" bitsize="64" type="int64" regnum="0"/>
  <reg name="eflags" bitsize="32" type="i386_eflags"/>
  <reg name="xmm0" bitsize="128" type="vec128" regnum="0x28" group="vector"/>
  <reg name="mxcsr" bitsize="32"/>
</feature>"""


def of(body: str) -> RegisterLayout:
    return parse_description({"target.xml": f"<target>{body}</target>".encode()})


def test_a_description_is_read_through_its_includes() -> None:
    layout = parse_description({"target.xml": TARGET, "core.xml": CORE})
    core, segments = "org.gnu.gdb.i386.core", "org.gnu.gdb.i386.segments"
    assert layout.architecture == "i386:x86-64"
    assert layout.osabi == "GNU/Linux"
    assert layout.registers == (
        Register("rax", 64, 0, 0, "int64", None, core),
        Register("eflags", 32, 1, 8, "i386_eflags", None, core),
        Register("xmm0", 128, 40, 12, "vec128", "vector", core),
        Register("mxcsr", 32, 41, 28, "int", None, core),
        Register("fs_base", 64, 42, 32, "int", None, segments),
    )
    assert layout.features == (
        Feature(
            core,
            (
                Flags("i386_eflags", 4, (Field("", None, 22, 31), Field("TF", "bool", 8, 8))),
                VectorType("v4f", "ieee_single", 4),
                Union("vec128", (Field("v4_float", "v4f"), Field("uint128", "uint128"))),
                Structure("pair", 8, (Field("lo", None, 0, 31), Field("hi", None, 32, 63))),
                Structure("both", None, (Field("a", "int8"),)),
                Enumeration("level", 4, (("kernel", 0), ("user", 3))),
            ),
        ),
        Feature(segments, ()),
    )
    assert layout.type_of(layout.by_name["eflags"]) == layout.features[0].types[0]


def test_what_was_read_can_be_written_and_read_again() -> None:
    layout = parse_description({"target.xml": TARGET, "core.xml": CORE})
    assert parse_description({"target.xml": format_description(layout)}) == layout


def test_the_annexes_that_a_document_wants_are_known_before_they_are_fetched() -> None:
    assert annexes_wanted(TARGET) == ("core.xml",)
    assert annexes_wanted(CORE) == ()
    assert annexes_wanted(
        b"<target><xi:include href='b'/><feature><x:include href='a'/><include href='b'/></feature></target>"
    ) == ("b", "a")


def test_a_feature_may_include_and_a_target_may_be_included() -> None:
    layout = parse_description(
        {
            "target.xml": b"<target><xi:include href='t'/></target>",
            "t": b"<target><feature name='a'><xi:include href='f'/><reg name='x' bitsize='8'/></feature></target>",
            "f": b"<feature name='b'><reg name='y' bitsize='8'/></feature>",
        }
    )
    assert [(it.name, it.feature, it.number) for it in layout.registers] == [("y", "b", 0), ("x", "a", 1)]
    assert [it.name for it in layout.features] == ["a", "b"]


def test_the_root_may_have_another_name() -> None:
    assert parse_description({"x": b"<target/>"}, "x") == RegisterLayout(())


def test_a_description_of_lldb_server_is_read_by_its_offsets_and_a_feature_may_have_no_name() -> None:
    """``eax`` is a part of ``rax``, and ``rip`` stands in front of a gap."""
    layout = of(
        '<feature><reg name="rax" bitsize="64" regnum="0" offset="8"/>'
        '<reg name="rip" bitsize="64" regnum="2" offset="0"/>'
        '<reg name="eax" bitsize="32" regnum="3" offset="8" value_regnums="0"/>'
        '<reg name="cs" bitsize="32" regnum="5" offset="0x18"/></feature>'
    )
    assert [(it.name, it.number, it.offset, it.feature) for it in layout.registers] == [
        ("rax", 0, 8, ""),
        ("rip", 2, 0, ""),
        ("cs", 5, 24, ""),
    ]
    answer = b"01" + b"00" * 7 + b"02" + b"00" * 7 + b"ff" * 8 + b"33000000"
    assert layout.decode_g(answer) == {"rax": 2, "rip": 1, "cs": 0x33}
    assert layout.decode_g(layout.encode_g({"rax": 2, "cs": 0x33})) == {"rax": 2, "cs": 0x33}
    assert layout.decode_g(answer[:32]) == {"rax": 2, "rip": 1}


def test_two_features_without_a_name_are_one() -> None:
    two = of('<feature><reg name="a" bitsize="8"/></feature><feature><reg name="b" bitsize="8"/></feature>')
    assert [it.name for it in two.features] == [""]
    assert parse_description({"target.xml": format_description(two)}).registers == two.registers


def test_offsets_count_where_every_register_has_one() -> None:
    some = of('<feature name="f"><reg name="a" bitsize="8" offset="4"/><reg name="b" bitsize="8"/></feature>')
    assert [it.offset for it in some.registers] == [0, 1]


@pytest.mark.parametrize("offsets", [(0, 3), (0, 1 << 40)])
def test_registers_are_not_placed_one_over_the_other_nor_out_of_reach(offsets: tuple[int, int]) -> None:
    regs = "".join(f'<reg name="r{at}" bitsize="32" offset="{at}"/>' for at in offsets)
    with pytest.raises(RemoteProtocolError, match="places"):
        of(f'<feature name="f">{regs}</feature>')


REG = '<feature name="f"><reg name="a" bitsize="8"{}/></feature>'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<feature><reg/></feature>", "<reg> without name"),
        ('<feature name="f"><reg bitsize="8"/></feature>', "<reg> without name"),
        ('<feature name="f"><reg name="a"/></feature>', "<reg> without bitsize"),
        ('<feature name="f"><reg name="a" bitsize="7"/></feature>', "register of 7 bits"),
        ('<feature name="f"><reg name="a" bitsize="0"/></feature>', "register of 0 bits"),
        ('<feature name="f"><reg name="a" bitsize="x"/></feature>', "bitsize='x' where a number"),
        (REG.format(' regnum="-1"'), "regnum='-1' where a number"),
        (REG.format("") + REG.format(' regnum="0"'), "two registers 0"),
        ('<feature name="f"><flags id="x"/></feature>', "<flags> without size"),
        ('<feature name="f"><flags size="4"/></feature>', "<flags> without id"),
        ('<feature name="f"><enum id="x" size="4"><evalue/></enum></feature>', "<evalue> without name"),
        ('<xi:include href="target.xml"/>', "includes 'target.xml' within itself"),
        ('<xi:include href="missing.xml"/>', "needs 'missing.xml'"),
        ("<xi:include/>", "<xi:include> without href"),
        ("<a>" * MAX_NESTING + "</a>" * MAX_NESTING, "deeper than 16"),
        ("<a/>" * MAX_ELEMENTS, "more than 20000 elements"),
        (" " * MAX_DOCUMENT, "more than 1048576 bytes"),
        ("<", "not XML"),
        ("\0", "not XML"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(body: str, message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message) as caught:
        of(body)
    assert str(caught.value).startswith("The target description ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (b"", "not XML"),
        (b"\xff\xfe<target/>", "not XML"),
        (b'<?xml version="1.0" encoding="unheard-of"?><target/>', None),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not XML"),
        (b"<html/>", "'target.xml' is a <html>"),
        (b'<!DOCTYPE t [<!ENTITY a "b">]><target>&a;</target>', "declares entities"),
        (b'<!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]><target>&a;</target>', "declares entities"),
        (b'<!DOCTYPE t [<!ENTITY % a SYSTEM "file:///etc/passwd">%a;]><target/>', "declares entities"),
        (b'<!DOCTYPE t [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><target>&b;</target>', "declares entities"),
        (b"<target>&undeclared;</target>", "not XML"),
        (b"<target/>" + b" " * MAX_DOCUMENT, "more than 1048576 bytes"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "deeper than"),
    ],
)
def test_documents_that_are_none_of_ours(xml: bytes, message: str | None) -> None:
    if message is None:
        assert parse_description({"target.xml": xml}).registers == ()
        return
    with pytest.raises(RemoteProtocolError, match=message):
        parse_description({"target.xml": xml})


def test_a_description_that_is_not_fetched_is_missed() -> None:
    with pytest.raises(RemoteProtocolError, match=r"needs 'target\.xml'"):
        parse_description({})


def test_includes_do_not_multiply_without_end() -> None:
    """Each part includes the next one twice: no loop, but 2 to the 40th parts."""
    include = "<target><xi:include href='p{0}'/><xi:include href='p{0}'/></target>"
    parts = {f"p{n}": include.format(n + 1).encode() for n in range(40)}
    parts["p40"] = b"<target/>"
    with pytest.raises(RemoteProtocolError, match=f"more than {MAX_INCLUDES} parts"):
        parse_description(parts, "p0")


words = st.text("abcdefXYZ019_.-<>&\"' é", min_size=1, max_size=6).map(str.strip).filter(bool)
small = st.integers(0, 63)
fields = st.lists(st.builds(Field, words | st.just(""), words | st.none(), small | st.none(), small), max_size=3)
types = st.one_of(
    st.builds(VectorType, words, words, small),
    st.builds(Union, words, fields.map(tuple)),
    st.builds(Structure, words, small | st.none(), fields.map(tuple)),
    st.builds(Flags, words, small, fields.map(tuple)),
    st.builds(Enumeration, words, small, st.lists(st.tuples(words, small), max_size=3).map(tuple)),
)
features = st.lists(
    st.builds(Feature, words, st.lists(types, max_size=3).map(tuple)), max_size=3, unique_by=lambda it: it.name
)


@st.composite
def layouts(draw: st.DrawFn) -> RegisterLayout:
    known: list[Feature] = draw(features)
    numbers = draw(st.sets(st.integers(0, 200), max_size=6)) if known else set()
    registers = [
        Register(
            draw(words),
            draw(st.sampled_from([8, 32, 80])),
            number,
            0,
            draw(words),
            draw(words | st.none()),
            draw(st.sampled_from(known)).name,
        )
        for number in numbers
    ]
    return make_layout(registers, known, draw(words | st.none()), draw(words | st.none()))


@given(layouts())
def test_every_layout_survives_the_wire(layout: RegisterLayout) -> None:
    assert parse_description({"target.xml": format_description(layout)}) == layout


@given(st.binary(max_size=200) | st.text("<>/target feature reg=\"'&;!?[]-", max_size=80).map(str.encode))
def test_no_document_raises_anything_but_the_peers_fault(xml: bytes) -> None:
    try:
        layout = parse_description({"target.xml": xml})
    except RemoteProtocolError:
        return
    assert layout.size >= 0


def test_each_type_has_its_tag() -> None:
    one: tuple[Type, ...] = (VectorType("v", "int", 2), Union("u", ()), Flags("f", 4, ()), Enumeration("e", 4, ()))
    layout = make_layout([], [Feature("f", one)])
    text = format_description(layout).decode()
    assert [tag for tag in ("<vector ", "<union ", "<flags ", "<enum ") if tag in text] == [
        *("<vector ", "<union ", "<flags ", "<enum ")
    ]
