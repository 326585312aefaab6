"""Sicknesses by chance: which requests, and what is sent instead of an answer."""

from __future__ import annotations

import random
from collections.abc import Callable

from gdbstub.protocol import frame
from gdbstub.protocol.packets import PACKETS
from tests.faults.sick_stub import EVIL, EVIL_BYTES, RCMD, XML, Hook, Sickness, SickStub, packet, said, silence

MONITOR = tuple(
    RCMD + command.encode().hex().encode()
    for command in (
        "info registers",
        "info version",
        "info kvm",
        "info hotpluggable-cpus",
        "qom-get",
        "info status",
        "",
    )
)
PREFIXES = (*sorted({row.prefix for row in PACKETS if row.prefix}), XML, *MONITOR, b"vCont;s", b"vCont;c", b"g", b"?")
STOPS = (
    *(b"W00", b"X0b;process:1", b"N", b"Fread,0,1000,4", b"Fwrite,1,4000,5", b"w0;p1.1", b"S05", b"S", b"T", b"T0"),
    *(b"T05thread:p01.01;", b"T05thread:p01.ff;", b"T05thread:0;", b"T05thread:p-1.-1;", b"T05watch:4000;thread:p1.1;"),
    *(b"T05watch:;", b"T05watch:zz;", b"T02", b"T05swbreak:;hwbreak:;", b"T05core:ffffffffffffffff;", b"T05;;;;:::"),
    *(b"T05" + b"00:" + b"f" * 64 + b";", b"T05library:;fork:p1.1;", b"T05syscall_entry:7;", b"T05replaylog:begin;"),
    b"T05" + b"watch:1000;" * 400,
)
ANSWERS = (
    *(b"", b"OK", b"E01", b"E.", b"E." + EVIL_BYTES, b"E", b"EE", b"E00;x", b"l", b"m", b"mx", b"l<", b"mp01.01"),
    *(b"x" * 64, b"0" * 4000, b"f" * 4001, b"-1", b"0x10", b"1" * 20000, b"QC", b"QCp0.0", b"vCont", b"vCont;"),
    *(
        b"1",
        b"0",
        b"C1",
        b"O",
        b"Ozz",
        b"O4",
        EVIL_BYTES,
        "ä€😀".encode(),
        b"\x00",
        b"\xff" * 300,
        b"00*~",
        b"*~",
        b"0*",
    ),
    *(b"mp1.1,p1.2,p1.3", b"m" + b",".join(b"%x" % n for n in range(1, 3000)), b"m" + b"," * 9000),
)
BEFORE = (
    *(b"-", b"+++", b"\x03", b"%Stop:T05#00", frame(b"O" + b"41" * 2000) * 20, frame(b"Fread,0,0,0"), frame(b"T05")),
    *(frame(b"O" + EVIL_BYTES.hex().encode()), b"$bad#00", b"$", b"#", b"%", frame(b"OK"), b"}" * 40),
)
WIDTHS = (0, 1, 7, 8, 16, 63, 65, 512, 4096, 65_528, 1 << 31, 1 << 64, -64)
REGISTERS = ("rip", "rsp", "rbp", "eflags", "cs", "cr0", "cr3", "efer", "rdi", "fs_base")


def any_sickness(dice: random.Random) -> Sickness:
    """One, which may come after some right answers."""
    if dice.random() < 0.15:
        return Sickness(XML, _description(dice), 0)
    prefix = dice.choice(PREFIXES)
    return Sickness(prefix, dice.choice(KINDS)(dice), dice.choice((0, 0, 0, 1, 2, 5)))


def _packet(dice: random.Random) -> Hook:
    return packet(dice.choice(ANSWERS))


def _stop(dice: random.Random) -> Hook:
    return packet(dice.choice(STOPS))


def _random_packet(dice: random.Random) -> Hook:
    return packet(dice.randbytes(dice.choice((1, 3, 20, 600))))


def _noise(dice: random.Random) -> Hook:
    data = dice.randbytes(dice.choice((1, 10, 5000)))
    return lambda stub, request: data


def _changed(dice: random.Random) -> Hook:
    """The right answer with something cut out, doubled, unavailable or replaced."""
    at, how = dice.random(), dice.randrange(5)
    other = dice.choice((b"x", b"zz", b"*", b"#", b"$", b"}", EVIL_BYTES, b"9" * 30))

    def hook(stub: SickStub, request: bytes) -> bytes:
        answer = stub._answer(request)
        place = int(at * len(answer))
        made = (
            answer[:place],
            answer + answer[:place],
            answer[:place] + b"x" * (len(answer) - place),
            answer[:place] + other + answer[place + len(other) :],
            answer[:place] + other + answer[place:],
        )[how]
        return frame(made)

    return hook


def _in_front(dice: random.Random) -> Hook:
    """Something that nobody asked for, and then the right answer."""
    before = dice.choice(BEFORE)
    return lambda stub, request: before + frame(stub._answer(request))


def _output(dice: random.Random) -> Hook:
    texts = (
        EVIL,
        "1" * 40_000,
        "a\n" * 9000,
        "",
        "\r" * 99,
        "\ud800\U000e0041x".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    )
    return said(dice.choice(texts))


def _flood(dice: random.Random) -> Hook:
    one = dice.choice((frame(b"O4141"), frame(b""), frame(b"E01"), b"+", b"-", frame(b"T05thread:p01.01;")))
    return lambda stub, request: one * 3000


def _huge(dice: random.Random) -> Hook:
    size = dice.choice((1 << 16, 1 << 18, 1 << 19))
    body = dice.choice((b"0" * size, b"0*~" * (size // 3), b"}" * size))
    ending = dice.choice((True, False))
    return lambda stub, request: frame(body) if ending else b"$" + body


def _bad_sum(dice: random.Random) -> Hook:
    return lambda stub, request: frame(stub._answer(request))[:-2] + b"zz"


def _silence(dice: random.Random) -> Hook:
    return silence


KINDS: tuple[Callable[[random.Random], Hook], ...] = (
    *(_packet, _packet, _stop, _stop, _random_packet, _noise, _changed, _changed, _changed, _in_front, _in_front),
    *(_output, _flood, _huge, _bad_sum, _silence),
)


def _description(dice: random.Random) -> Hook:
    """A target description in which something is not as it should be."""
    name, width = dice.choice(REGISTERS), dice.choice(WIDTHS)
    entity = b'<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>'
    changes: tuple[tuple[bytes, bytes], ...] = (
        (b'name="%b" bitsize="64"' % name.encode(), b'name="%b" bitsize="%d"' % (name.encode(), width)),
        (b'name="%b"' % name.encode(), b'name="%b"' % dice.choice((b"", b"rip", b"RIP", "ä".encode(), b"&#27;[2J"))),
        (b'name="%b"' % name.encode(), b'name="%b" regnum="%d"' % (name.encode(), dice.choice(WIDTHS))),
        (
            b"<feature",
            b"<xi:include href='" + dice.choice((b"target.xml", b"../../etc/passwd", b"a" * 999)) + b"'/><feature",
        ),
        (b"<target", entity + b"<target"),
        (b"<feature", b"<feature>" * 400 + b"<feature"),
        (b"i386:x86-64", dice.choice((b"arm", b"i386", b"", b"&b;", EVIL.encode("ascii", "xmlcharrefreplace")))),
        (b"</target>", dice.choice((b"", b"</target><target/>", b"</feature>", b"\x00", b"\xff\xfe"))),
        (b"<reg ", b"<reg x='1' "),
        (b"type=", b"group="),
        (
            b"</feature>",
            b"".join(b'<reg name="n%d" bitsize="64" type="int"/>' % n for n in range(3000)) + b"</feature>",
        ),
        (
            b"</feature>",
            b'<vector id="v" type="v" count="99999999"/><union id="u"><field name="a" type="u"/></union></feature>',
        ),
    )
    old, new = dice.choice(changes)

    def hook(stub: SickStub, request: bytes) -> bytes:
        if b":0," in request:
            stub.description = stub.description.replace(old, new, 1)
        return frame(stub._answer(request))

    return hook
