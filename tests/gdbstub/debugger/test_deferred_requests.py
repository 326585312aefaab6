"""Jobs that one participant leaves for another: done once, in order, with their results to who asked."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.errors import GdbError


async def test_jobs_are_done_in_order_and_answer_who_asked() -> None:
    deferred, done, answers = DeferredRequests(), list[int](), dict[int, int]()

    async def ask(number: int) -> None:
        async def job() -> int:
            done.append(number)
            return 10 * number

        answers[number] = await deferred.ask(job)

    async with trio.open_nursery() as nursery:
        for number in (1, 2, 3):
            nursery.start_soon(ask, number)
            await wait_all_tasks_blocked()
        assert (deferred.waiting, done) == (True, [])
        await deferred.serve()
    assert (deferred.waiting, done) == (False, [1, 2, 3])
    assert answers == {1: 10, 2: 20, 3: 30}


async def test_what_a_job_raises_is_its_askers_and_the_next_is_done() -> None:
    deferred, results = DeferredRequests(), list[str]()

    async def ask(fails: bool) -> None:
        async def job() -> str:
            if fails:
                raise GdbError("no")
            return "yes"

        try:
            results.append(await deferred.ask(job))
        except GdbError as error:
            results.append(str(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, True)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, False)
        await wait_all_tasks_blocked()
        await deferred.serve()
    assert sorted(results) == ["no", "yes"]


async def test_the_run_under_way_is_paused_for_a_job() -> None:
    deferred, pauses = DeferredRequests(), list[str]()

    async def pause() -> None:
        pauses.append("pause")
        nursery.start_soon(deferred.serve)

    async def job() -> str:
        return "done"

    deferred.pause = pause
    async with trio.open_nursery() as nursery:
        assert await deferred.ask(job) == "done"
    assert pauses == ["pause"]


async def test_a_job_whose_asker_is_gone_is_not_done() -> None:
    deferred, done = DeferredRequests(), list[str]()

    async def job() -> None:
        done.append("done")

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deferred.ask, job)
            await wait_all_tasks_blocked()
            scope.cancel()
    assert not deferred.waiting
    await deferred.serve()
    assert done == []


async def test_jobs_that_nobody_will_do_are_refused() -> None:
    deferred, why = DeferredRequests(), list[str]()

    async def job() -> None:
        raise AssertionError("it is done all the same")

    async def ask() -> None:
        with pytest.raises(GdbError) as refusal:
            await deferred.ask(job)
        why.append(str(refusal.value))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        deferred.refuse()
    assert why == ["The guest can't be reached any more: dr6 is leaving it."] * 2


async def test_an_errand_whose_driver_is_cancelled_has_no_result() -> None:
    deferred = DeferredRequests()
    begun = trio.Event()

    async def never() -> int:
        begun.set()
        await trio.sleep_forever()

    async def asks() -> None:
        with pytest.raises(GdbError, match="leaving"):
            await deferred.ask(never)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(asks)
        await wait_all_tasks_blocked()
        with trio.CancelScope() as scope:
            nursery.start_soon(_cancel_after, begun, scope)
            await deferred.serve()


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
