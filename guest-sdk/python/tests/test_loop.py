"""The order in which a workflow goes on, with asyncio and with the methods of the transaction."""

import asyncio
from typing import Any

import pytest

from reprise_guest import Canceled, Failure, Participant, Reply, Transaction, workflow
from reprise_guest.testing import Answer, NotDeterministic, TestHost

STUB = Participant("stub")


def slow(name: str, seconds: float) -> Any:
    return (f"GET stub/{name}", Answer.json(name).after(seconds))


async def get(tx: Transaction, name: str) -> str:
    reply: Reply = await tx.branch().call(STUB.get(name))
    return str(reply.json())


def host(*answers: Any) -> TestHost:
    one = TestHost()
    for key, answer in answers:
        one.on(key, answer)
    return one


def test_what_follows_a_result_starts_before_the_next_is_taken() -> None:
    @workflow
    async def fan_out(tx: Transaction, _: None) -> list[str]:
        order: list[str] = []

        async def task(name: str) -> None:
            await get(tx, name)
            await get(tx, name + name)
            order.append(name)

        await asyncio.gather(task("a"), task("b"), task("c"))
        return order

    run = TestHost().on("GET stub/*", delay({"a": 3, "b": 1, "c": 2, "bb": 5})).run(fan_out, None)
    assert run.json() == ["c", "a", "b"]
    assert [call.key[-2:].strip("/") for call in run.calls] == ["a", "b", "c", "bb", "cc", "aa"]


def delay(seconds: dict[str, float]) -> Any:
    def answer(request: Any) -> Answer:
        name = request.key.rpartition("/")[2]
        return Answer.json(name).after(seconds.get(name, 0))

    return answer


def test_join_waits_for_all_before_it_raises() -> None:
    @workflow
    async def both(tx: Transaction, _: None) -> None:
        await tx.join(get(tx, "refused"), get(tx, "late"))

    run = host(slow("late", 9)).on("GET stub/refused", Answer.failure(b"no")).run(both, None)
    assert run.failure is not None and run.failure.details == b"no"
    assert run.elapsed == 9


def test_try_join_gives_the_others_up() -> None:
    @workflow
    async def both(tx: Transaction, _: None) -> None:
        await tx.try_join(get(tx, "refused"), get(tx, "late"))

    run = host(slow("late", 9)).on("GET stub/refused", Answer.failure(b"no")).run(both, None)
    assert run.failure is not None and run.failure.details == b"no"
    assert run.elapsed == 0


@pytest.mark.parametrize(("seconds", "want", "elapsed"), [(1.0, [0, "call"], 1), (20.0, [1, None], 10)])
def test_race(seconds: float, want: list[object], elapsed: float) -> None:
    @workflow
    async def race(tx: Transaction, _: None) -> tuple[int, object]:
        call: Any = get(tx, "call")
        return await tx.race(call, tx.sleep(10))

    run = host(slow("call", seconds)).run(race, None)
    assert (run.json(), run.elapsed) == (want, elapsed)


@pytest.mark.parametrize("form", ["transaction", "asyncio"])
def test_timeouts_roll_back(form: str) -> None:
    @workflow
    async def impatient(tx: Transaction, _: None) -> str:
        if form == "transaction":
            return await tx.timeout(2.5, get(tx, "late"))
        async with asyncio.timeout(2.5):
            return await get(tx, "late")

    run = host(slow("late", 9)).run(impatient, None)
    assert run.failure is not None and run.elapsed == 2.5
    assert run.failure.message == ("not done within 2.5s" if form == "transaction" else "TimeoutError")


def test_time_passes_only_while_waiting() -> None:
    @workflow
    async def times(tx: Transaction, _: None) -> list[float]:
        loop, start = asyncio.get_running_loop(), tx.now()
        await tx.sleep(1.5)
        await asyncio.sleep(0)
        await asyncio.sleep(0.25)
        return [(tx.now() - start).total_seconds(), loop.time()]

    assert TestHost().run(times, None).json() == [1.75, 1.75]


def test_a_cancelled_call_says_so() -> None:
    @workflow
    async def given_up(tx: Transaction, _: None) -> str:
        call = tx.branch().call(STUB.get("slow"))
        assert call.cancel()
        try:
            await call
        except Canceled as error:
            return error.kind
        return "done"

    assert host(slow("slow", 1)).run(given_up, None).json() == "canceled"


def test_a_cancelled_task_cancels_its_call() -> None:
    @workflow
    async def given_up(tx: Transaction, _: None) -> bool:
        task = asyncio.create_task(get(tx, "slow"))
        await tx.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    run = host(slow("slow", 5)).run(given_up, None)
    assert (run.json(), run.elapsed) == (True, 1)


def test_a_call_cancelled_by_another_task_is_an_error_of_the_one_that_waits() -> None:
    @workflow
    async def given_up(tx: Transaction, _: None) -> str:
        call = tx.branch().call(STUB.get("slow"))

        async def wait() -> str:
            try:
                await call
            except Canceled as error:
                return str(error)
            return "done"

        async def cancel() -> None:
            call.cancel()

        said, _nothing = await tx.join(wait(), cancel())
        return said

    assert host(slow("slow", 5)).run(given_up, None).json() == "the operation was cancelled"


def test_a_forgotten_await_is_a_failure() -> None:
    @workflow
    async def forgetful(tx: Transaction, _: None) -> None:
        tx.branch().call(STUB.get("a"))

    run = host(slow("a", 0)).run(forgetful, None)
    assert run.failure is not None
    assert run.failure.message == "the action of branch 01 was never awaited: write `await` before it, or cancel it"


def test_tasks_that_are_left_are_cancelled() -> None:
    ends: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    @workflow
    async def leaves(tx: Transaction, _: None) -> None:
        async def task(name: str) -> None:
            try:
                await get(tx, name)
            finally:
                ends.append(name)

        for name in "abc":
            tasks.append(asyncio.create_task(task(name)))
        await asyncio.sleep(0)

    run = TestHost().on("GET stub/*", delay({})).run(leaves, None)
    assert run.failure is None and run.calls == []
    assert ends == ["a", "b", "c"] * 2


def test_what_nothing_can_wake_is_a_mistake() -> None:
    @workflow
    async def stuck(tx: Transaction, _: None) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing can ever wake it"):
        TestHost().run(stuck, None)


def test_another_path_in_the_replay_is_found() -> None:
    names = iter("ab")

    @workflow
    async def moody(tx: Transaction, _: None) -> None:
        await get(tx, next(names))

    with pytest.raises(NotDeterministic, match=r"it did 01 Http.*stub/a.*in the replay 01 Http.*stub/b"):
        TestHost().on("GET stub/*", Answer.json(1)).run(moody, None)


def test_randomness_follows_the_seed() -> None:
    @workflow
    async def draw(tx: Transaction, _: None) -> list[object]:
        assert len(tx.random_bytes(70_000)) == 70_000
        letters = list("abcdef")
        tx.random.shuffle(letters)
        return [tx.random.random(), tx.random.randint(1, 6), letters]

    one, same, other = (TestHost(seed=seed).run(draw, None).json() for seed in (1, 1, 2))
    assert one == same and one != other


def test_an_error_of_a_task_group_is_a_failure() -> None:
    @workflow
    async def group(tx: Transaction, _: None) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(get(tx, "refused"))
            tasks.create_task(get(tx, "late"))

    run = host(slow("late", 9)).on("GET stub/refused", Answer.failure(b"no")).run(group, None)
    assert isinstance(run.failure, Failure) and run.failure.details == b"no"
