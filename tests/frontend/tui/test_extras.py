"""What the panes in sight read at a stop, and that the others read nothing."""

from __future__ import annotations

from frontend.commands.memory_view import READING
from frontend.symbols.names import Symbols
from frontend.tui.extras import NONE
from frontend.tui.telescope import Chain, ChainLink, StackWord, Telescope
from frontend.tui.window import looker
from gdbstub.x86.cpu_state import CpuState
from tests.fakes.debugger import BASE, STACK, FakeDebugger
from tests.frontend.stories import Names
from tests.frontend.terminal import Terminal
from tests.frontend.tui.test_app import ENTER, User, leave, play


async def test_nothing_is_read_for_panes_that_are_out_of_sight() -> None:
    terminal = Terminal()
    await terminal.fake.attach()
    found = await looker(terminal.session)()
    assert found is not None
    assert found.window.extras == NONE


async def test_each_pane_in_sight_has_what_it_shows() -> None:
    terminal = Terminal(cpus=2)
    await terminal.fake.attach()
    await terminal.run("display $rip", "memory 0x1000", f"panes {' '.join(READING)}")
    found = await looker(terminal.session)()
    assert found is not None
    extras = found.window.extras
    assert extras.memory is not None
    assert extras.memory.address == 0x1000
    assert extras.watch is not None
    assert [row.shown.title for row in extras.watch] == ["1: $rip"]
    assert extras.cpus is not None
    assert [row.number for row in extras.cpus] == [0, 1]
    assert extras.tables is not None
    assert "so the tables can't be found" in extras.tables[0]
    assert extras.pages is not None
    assert extras.pages[0].startswith("The monitor cannot read physical memory")
    assert extras.chains is not None
    assert len(extras.chains) == len(found.window.stack)


def stack(state: CpuState, *values: int) -> tuple[StackWord, ...]:
    top = state.registers["rsp"]
    return tuple(StackWord(top + 8 * n, 8 * n, value) for n, value in enumerate(values))


async def test_words_lead_behind_calls_to_frames_to_strings_and_to_other_words() -> None:
    fake = FakeDebugger(b"\x90" * 8 + bytes.fromhex("e8 00000000 90"))
    top = STACK - 0x100
    fake.memory[0x3000 - BASE : 0x3000 - BASE + 12] = b"hello\x09there\0"
    fake.memory[0x3100 - BASE : 0x3100 - BASE + 8] = (0x3000).to_bytes(8, "little")
    fake.registers |= {"rsp": top, "rbp": top + 16}
    await fake.attach()
    state = await fake.state()
    words = stack(state, BASE + 13, 0x3100, top + 32, 3, 0, 0x3200, 0xFFFF_0000_0000_0000, 0x7000_0000_0000)
    chains = await Telescope(fake.as_debugger(), Symbols(), state).chains(words, 0)

    assert chains[0] == Chain("return")
    assert chains[1] == Chain("", (ChainLink(0x3000), ChainLink(0x3000, text='"hello\\tthere"')))
    assert [chain.mark for chain in chains[2:5]] == ["frame", "", "frame"], "RBP, and where it leads"
    assert chains[3] == chains[6] == chains[7] == Chain(), "no address, not canonical, not there"
    assert chains[5] == Chain("", (ChainLink(0),))


async def test_a_chain_that_leads_to_itself_ends() -> None:
    fake = FakeDebugger()
    fake.memory[0x3000 - BASE : 0x3000 - BASE + 8] = (0x3000).to_bytes(8, "little")
    await fake.attach()
    state = await fake.state()
    (chain,) = await Telescope(fake.as_debugger(), Names(), state).chains(stack(state, 0x3000), 0)
    assert 1 <= len(chain.links) <= 3


def test_panes_that_come_into_sight_are_read_and_memory_follows_its_expression() -> None:
    async def story(user: User) -> None:
        await user.until(lambda view: len(view.stops) == 1)
        user.type("memory $pc" + ENTER)
        await user.until(lambda view: view.extras.memory is not None and view.extras.memory.address == BASE)
        user.type("stepi" + ENTER)
        await user.until(lambda view: view.extras.memory is not None and view.extras.memory.address == BASE + 1)
        user.type("set {u8}0x1001 = 0xcc" + ENTER)
        await user.until(lambda view: view.extras.memory is not None and view.extras.memory.data[0] == 0xCC)
        user.type("\x1b0" + "u")
        await user.until(lambda view: view.extras.memory is not None and view.extras.memory.data[0] == 0x48)
        user.type("\x1b[C" + ENTER)  # the byte behind it, to be set at the prompt
        await user.typed("set {u8}0x1002 = 0x")
        await user.until(lambda view: not view.working)
        user.type("\x03")
        await leave(user)

    assert play(story)[0] == 0
