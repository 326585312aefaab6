"""``m M x X``, checksums and searches: as much as there is, and the guest's own bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gdbstub.protocol.fields import escape
from gdbstub.server import Monitor, Policy
from gdbstub.server.client_features import PACKET_SIZE
from gdbstub.server.handlers.memory import MOST_SEARCHED, WINDOW
from tests.fakes.served import Served, qemu, serving
from tests.fakes.stub import CODE, DATA, LOOP, PAGE, FakeStub

END = DATA + PAGE
"""Behind it nothing is mapped."""


def crc_by_hand(data: bytes) -> int:
    """gdb's `xcrc32`: polynomial 04C11DB7, most significant bit first, starting at all ones, not inverted."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C1_1DB7) & 0xFFFF_FFFF if crc >> 31 else crc << 1
    return crc


async def test_memory_is_read_in_hex_and_in_bytes(autojump_clock: MockClock) -> None:
    async with serving() as served:
        served.stub.place(DATA + 0x100, b"#$}*\x00\x03")
        peer = await served.gdb()
        assert await peer.ask(b"m1000,7") == LOOP.hex().encode()
        assert await peer.ask(b"x1000,7") == b"b" + LOOP
        assert await peer.ask(b"x4100,6") == b"b#$}*\x00\x03"
        assert await peer.ask(b"m1000,0") == b""
        assert await peer.ask(b"x1000,0") == b"b"


async def test_what_begins_where_memory_is_ends_where_it_ends(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(b"m%x,8" % (END - 4)) == b"00" * 4
        assert await peer.ask(b"x%x,3000" % (END - 4)) == b"b" + bytes(4)
        assert (await peer.ask(b"m%x,8" % END)).startswith(b"E.")
        assert (await peer.ask(b"x%x,8" % END)).startswith(b"E.")


async def test_an_over_long_read_is_as_long_as_a_packet_can_be(autojump_clock: MockClock) -> None:
    async with serving() as served:
        served.stub.place(0x10_0000, bytes(0x2_0000))
        peer = await served.gdb()
        for packet in (b"m100000,ffffffff", b"m100000,20000"):
            answer = await peer.ask(packet)
            assert answer == b"00" * (PACKET_SIZE // 2 - 8)
        assert len(answer) <= PACKET_SIZE


@pytest.mark.parametrize(
    "rest", [b"", b",", b"1000", b"1000,", b",8", b"zz,8", b"1000,8,8", b"1" * 17 + b",1", b"-1,8"]
)
async def test_a_malformed_range_is_refused_here(autojump_clock: MockClock, rest: bytes) -> None:
    async with serving() as served:
        peer = await served.gdb()
        for verb in (b"m", b"x"):
            assert (await peer.ask(verb + rest)).startswith(b"E."), verb
        for verb in (b"M", b"X"):
            assert (await peer.ask(verb + rest + b":00")).startswith(b"E."), verb
        assert served.stub.log == []


async def test_what_is_malformed_is_named_as_whose_it_is(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        bad = b"E.The client sent 'zz' where a hex number belongs."
        for packet in (b"mzz,8", b"Mzz,1:00", b"pzz", b"Hgzz", b"qCRC:zz,1"):
            assert await peer.ask(packet) == bad, packet
        assert await peer.run(b"vCont;s:zz") == bad
        assert await peer.ask(b"M4000,1:zz") == b"E.The client sent 'zz' where hex bytes belong."
        served.stub.answers[b"m5000,8"] = b"zz"
        assert await peer.ask(b"m5000,8") == b"E.The stub sent 'zz' where hex bytes belong."
        served.stub.answers |= {b"qqemu.PhyMemMode": b"0", b"Qqemu.PhyMemMode:1": b"OK"}
        assert await peer.ask(b"Qqemu.PhyMemMode:1") == b"OK"
        assert (await peer.ask(b"m5000,8")).startswith(b"E.The stub does not tell which physical addresses are memory")
        served.stub.monitor["info mtree -f"] = MTREE
        assert await peer.ask(b"m5000,8") == b"E.The stub sent 'zz' where hex bytes belong."


async def test_addresses_at_the_end_of_the_address_space(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        for packet in (
            b"mffffffffffffffff,1",
            b"mffffffffffffffff,10",
            b"xfffffffffffffff0,ffff",
            b"Mffffffffffffffff,2:0000",
        ):
            assert (await peer.ask(packet)).startswith(b"E"), packet
        assert await peer.ask(b"qC") == b"QCp1.1"


async def test_memory_is_written_in_hex_and_in_bytes(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(b"M4000,3:0102ff") == b"OK"
        assert await peer.ask(b"X4003,4:#$}*") == b"OK"
        assert served.stub.peek(DATA, 7) == b"\x01\x02\xff#$}*"
        assert await peer.ask(b"m4000,7") == b"0102ff23247d2a"
        served.stub.log.clear()
        assert await peer.ask(b"X4000,0:") == b"OK"  # how gdb finds out whether there is an X
        assert await peer.ask(b"M4000,0:") == b"OK"
        assert served.stub.log == []
        for wrong in (
            b"M4000,3:0102",
            b"M4000,1:0102",
            b"M4000,1:zz",
            b"M4000,1:0",
            b"X4000,2:a",
            b"X4000,0:a",
            b"M4000,1",
        ):
            assert (await peer.ask(wrong)).startswith(b"E."), wrong
        assert (await peer.ask(b"M9000,1:00")).startswith(b"E.")
        assert not any(request[:2] in (b"M4", b"X4") for request in served.stub.log)


async def test_a_read_only_guest_has_no_memory_written(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb(Policy(read_only=True))
        assert (await peer.ask(b"M4000,1:01")).startswith(b"E.dr6 serves this guest with --read-only")
        assert (await peer.ask(b"X4000,1:a")).startswith(b"E.dr6 serves this guest with --read-only")
        assert served.stub.peek(DATA, 1) == b"\0"


async def test_the_guests_own_bytes_are_read_where_a_breakpoint_is_in_them(autojump_clock: MockClock) -> None:
    stub = FakeStub(patches=True)
    async with serving(stub, backend="qemu-kvm") as served:
        peer = await served.gdb()
        assert await peer.ask(b"Z0,1002,1") == b"OK"
        assert stub.peek(CODE, 7) != LOOP
        assert await peer.ask(b"m1000,7") == LOOP.hex().encode()
        assert await peer.ask(b"qCRC:1000,7") == b"C%x" % crc_by_hand(LOOP)


async def test_what_another_client_wrote_is_read(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await served.gdb(), await served.gdb()
        assert await second.ask(b"m4000,2") == b"0000"
        assert await first.ask(b"M4000,1:2a") == b"OK"
        assert await second.ask(b"m4000,2") == b"2a00"


async def test_a_long_run_of_one_byte_is_written_once(autojump_clock: MockClock) -> None:
    async with serving() as served:
        served.stub.place(DATA + 0x200, b"\xffabc")
        peer = await served.gdb()
        await peer.stream.send_all(b"$m4000,1000#00")
        raw = bytes(await peer.stream.receive_some())
        assert len(raw) < 400
        expected = bytearray(PAGE)
        expected[0x200:0x204] = b"\xffabc"
        peer.link.send(b"m4000,1000")
        peer.link.data_to_send()
        assert [event.payload for event in peer.link.receive(raw)] == [bytes(expected).hex().encode()]  # type: ignore[union-attr]


# -- physical addresses -----------------------------------------------------------------------------------------


MTREE = """FlatView #0
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-0000000000ffffff (prio 0, ram): no memory at all
FlatView #1
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000000c0000-00000000000dffff (prio 1, rom): pc.rom
  00000000000e0000-0000000003ffffff (prio 0, ram): pc.ram @00000000000e0000
  00000000f0000000-00000000f0000fff (prio 1, ramd): a device that was passed through
  00000000fee00000-00000000feefffff (prio 4096, i/o): apic-msi
"""
"""As QEMU 7.2 prints it."""


class Physical(FakeStub):
    """QEMU's switch: physical address 0 is the page at DATA."""

    def __init__(self) -> None:
        super().__init__()
        self.monitor = qemu().monitor | {"info mtree -f": MTREE}
        self.physical = False

    def _answer(self, payload: bytes) -> bytes:
        if payload.startswith(b"Qqemu.PhyMemMode:"):
            self.physical = payload.endswith(b"1")
            return b"OK"
        if payload == b"qqemu.PhyMemMode":
            return b"%d" % self.physical
        return super()._answer(payload)

    def peek(self, address: int, length: int) -> bytes | None:
        return super().peek(address + DATA if self.physical else address, length)

    def place(self, address: int, data: bytes) -> None:
        super().place(address + DATA if getattr(self, "physical", False) else address, data)


async def test_physical_addresses_are_each_clients_own(autojump_clock: MockClock) -> None:
    stub = Physical()
    async with serving(stub) as served:
        served.stub.place(DATA, b"\x11\x22")
        first, second = await served.gdb(), await served.gdb()
        assert await first.ask(b"qqemu.PhyMemMode") == b"0"
        assert await first.ask(b"Qqemu.PhyMemMode:1") == b"OK"
        assert await first.ask(b"qqemu.PhyMemMode") == b"1"
        assert await second.ask(b"qqemu.PhyMemMode") == b"0"
        assert await first.ask(b"m0,2") == b"1122"
        assert await first.ask(b"M0,1:33") == b"OK"
        assert (await second.ask(b"m0,2")).startswith(b"E.")
        assert await second.ask(b"m4000,2") == b"3322"
        assert (await first.ask(b"m900000,2")) == b"E.The guest has no memory at that physical address."
        assert (await first.ask(b"mf0000000,2")).startswith(
            b"E.The physical addresses 0xf0000000-0xf0000001 are not all"
        )
        assert await first.ask(b"Qqemu.PhyMemMode:0") == b"OK"
        assert (await first.ask(b"m0,2")).startswith(b"E.")
        assert not stub.physical


async def test_physical_memory_is_read_to_its_end_in_parts(autojump_clock: MockClock) -> None:
    async with serving(Physical()) as served:
        served.stub.place(DATA, bytes(range(256)) * 16)
        peer = await served.gdb()
        await peer.ask(b"Qqemu.PhyMemMode:1")
        data = bytes(range(256)) * 16
        assert await peer.ask(b"m0,1000") == data[:1024].hex().encode()  # fewer than asked for: gdb asks on
        assert await peer.ask(b"qCRC:0,1000") == b"C%x" % crc_by_hand(data)
        assert await peer.ask(b"qSearch:memory:1;800;\x05\x06") == b"1,5"


@pytest.mark.parametrize("monitor", ["none", "info", "all"])
@pytest.mark.parametrize("read_only", [False, True])
async def test_who_may_only_look_reads_no_device(autojump_clock: MockClock, monitor: Monitor, read_only: bool) -> None:
    """Reading a device's register may change the device."""
    stub = Physical()
    free = monitor == "all" and not read_only
    async with serving(stub) as served:
        peer = await served.gdb(Policy(monitor, read_only))
        await peer.ask(b"Qqemu.PhyMemMode:1")
        for packet in (b"mfee00030,4", b"m9fffc,8", b"xf0000000,1", b"mbffff,2", b"m4000000,1", b"Ma0000,1:00"):
            answer = await peer.ask(packet)
            assert (b"not all memory; a device may take" in answer) == (
                not free and not (read_only and packet[:1] == b"M")
            )
            sent = packet.partition(b":")[0].replace(b"x", b"m")
            assert any(request.startswith(sent) for request in stub.log) == free, packet
        assert await peer.ask(b"m0,2") == b"0000"


@pytest.mark.parametrize(
    ("command", "passes"),
    [
        ("xp 0x1000", True),
        ("xp /4xw 0x1000", True),
        ("xp/4xw 0x1000", True),
        ("xp/16xb 0xa0000", False),
        ("xp/4xg 0x9fff0", False),
        ("xp/2i 0x9fff0", False),
        ("xp 0x9fffc", False),
        ("xp/4xw $rip", False),
        ("xp 010", False),
        ("xp/4xw 4096", True),
        ("xp", False),
        ("xp 0xfee00030+0", False),
    ],
)
async def test_xp_reads_memory_alone(autojump_clock: MockClock, command: str, passes: bool) -> None:
    stub = Physical()
    stub.monitor[command] = "words"
    async with serving(stub) as served:
        peer, free = await served.gdb(), await served.gdb(Policy("all"))
        assert ("words" in await peer.monitor(command)) == passes
        assert "words" in await free.monitor(command)


async def test_a_stub_without_the_switch_has_no_physical_addresses(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert await peer.ask(b"Qqemu.PhyMemMode:1") == b""
        assert await peer.ask(b"m4000,1") == b"00"


# -- checksums --------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.binary(min_size=0, max_size=200))
def test_the_checksum_is_gdbs(data: bytes) -> None:
    import trio

    async def check() -> None:
        async with serving() as served:
            served.stub.place(DATA, data)
            peer = await served.gdb()
            assert await peer.ask(b"qCRC:4000,%x" % len(data)) == b"C%x" % crc_by_hand(data)

    trio.run(check)


async def test_a_checksum_goes_over_many_windows(autojump_clock: MockClock) -> None:
    data = bytes(i * 7 % 251 for i in range(WINDOW + 3 * PAGE))
    async with serving() as served:
        served.stub.place(0x10_0000, data)
        peer = await served.gdb()
        assert await peer.ask(b"qCRC:100000,%x" % len(data)) == b"C%x" % crc_by_hand(data)
        assert (await peer.ask(b"qCRC:4ff0,20")).startswith(b"E.")
        assert (await peer.ask(b"qCRC:0,%x" % (MOST_SEARCHED + 1))).startswith(b"E.268435457 bytes are more than")
        assert (await peer.ask(b"qCRC:4000")).startswith(b"E.")


# -- searches ---------------------------------------------------------------------------------------------------


async def find(served: Served, start: int, length: int, pattern: bytes) -> bytes:
    peer = await served.gdb()
    return await peer.ask(b"qSearch:memory:%x;%x;" % (start, length) + pattern)


@pytest.mark.parametrize("at", [0, 5, WINDOW - 1, WINDOW - 2, WINDOW - 3, WINDOW, WINDOW + 1, WINDOW + 0xFFD])
async def test_a_pattern_is_found_across_the_edges_of_windows(autojump_clock: MockClock, at: int) -> None:
    async with serving() as served:
        served.stub.place(0x10_0000, bytes(WINDOW + PAGE))
        served.stub.place(0x10_0000 + at, b"#;}")
        assert await find(served, 0x10_0000, WINDOW + PAGE, b"#;}") == b"1,%x" % (0x10_0000 + at)
        assert await find(served, 0x10_0000, WINDOW + PAGE, b"}") == b"1,%x" % (0x10_0000 + at + 2)
        assert await find(served, 0x10_0000, at + 2, b"#;}") == b"0"


async def test_a_search_is_bounded(autojump_clock: MockClock) -> None:
    async with serving() as served:
        assert await find(served, DATA, PAGE, b"absent") == b"0"
        assert await find(served, DATA, 0, b"a") == b"0"
        assert await find(served, DATA, 3, bytes(4)) == b"0"
        assert (await find(served, DATA, PAGE, b"")).startswith(b"E.")
        assert (await find(served, DATA, 2 * PAGE, b"absent")).startswith(b"E.")
        assert (await find(served, 0, MOST_SEARCHED + 1, b"a")).startswith(b"E.268435457 bytes are more than")
        assert escape(b"#") == b"}\x03"
