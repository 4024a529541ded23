"""A mailbox is full at once, never later; a dying owner gets every letter back."""

from __future__ import annotations

import pytest
import trio

from actors.errors import ActorDied, Overloaded
from actors.mailbox import Mailbox


def mailbox(**bounds: int) -> Mailbox[str]:
    return Mailbox("postman", clock=trio.current_time, **bounds)


async def test_letters_come_out_in_order_and_are_counted(autojump_clock: trio.testing.MockClock) -> None:
    """Three in, two out: depth, bytes, the oldest letter's age and what was processed stand in the statistics."""
    box = mailbox(capacity=10)
    box.post("a", 5)
    await trio.sleep(2)
    box.post("b", 7)
    box.post("c", 1)
    assert [box.take(), box.take()] == ["a", "b"]
    await trio.sleep(3)
    figures = box.statistics()
    assert (figures.depth, figures.bytes, figures.processed, figures.refused) == (1, 1, 2, 0)
    assert figures.oldest_s == 3


async def test_a_mailbox_full_by_count_refuses_at_once_and_counts_it() -> None:
    """The third letter of two places is refused without a wait; a place that gets free is taken again."""
    box = mailbox(capacity=2)
    box.post("a")
    box.post("b")
    with pytest.raises(Overloaded, match="2 letters"):
        box.post("c")
    assert box.statistics().refused == 1
    box.take()
    box.post("c")


async def test_a_mailbox_full_by_bytes_refuses_but_an_empty_one_takes_any_letter() -> None:
    """One letter above the bound passes an empty mailbox; the next waits for nobody and is refused."""
    box = mailbox(capacity_bytes=100)
    box.post("huge", 1000)
    with pytest.raises(Overloaded, match="100 bytes"):
        box.post("small", 1)
    box.take()
    box.post("half", 50)
    box.post("half", 50)
    with pytest.raises(Overloaded):
        box.post("drop", 1)
    assert box.statistics().bytes == 100


async def test_reports_have_places_of_their_own() -> None:
    """A full mailbox still takes the reports its owner has coming."""
    box = mailbox(capacity=1, reserved=2)
    box.post("a")
    box.post_reserved("report")
    box.post_reserved("report")
    with pytest.raises(Overloaded):
        box.post("b")
    assert box.statistics().depth == 3


async def test_closing_gives_every_letter_back_and_later_senders_are_told() -> None:
    """Drained letters are the owner's to answer; whoever comes later learns that nobody is there."""
    box = mailbox(capacity=10)
    for letter in "abc":
        box.post(letter, 3)
    assert box.close_and_drain() == ["a", "b", "c"]
    assert box.close_and_drain() == []
    for send in (box.post, box.post_reserved):
        with pytest.raises(ActorDied, match="postman"):
            send("late")
    assert box.statistics().depth == box.statistics().bytes == 0


async def test_a_reader_wakes_for_a_letter_and_one_that_gave_up_takes_none(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Cancelled while it waits, a reader leaves the next letter to the next one, who gets it as it comes."""
    box = mailbox()
    with trio.move_on_after(1):
        await box.wait()
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            await trio.sleep(2)
            box.post("a")

        nursery.start_soon(write)
        await box.wait()
        assert trio.current_time() == 3
    assert (box.take(), box.take()) == ("a", None)
    assert box.statistics().processed == 1


async def test_a_letter_that_comes_in_the_step_of_the_closing_is_given_back() -> None:
    """Its reader has been woken for it, and learns that the mailbox is closed; the letter is the owner's to answer."""
    box = mailbox()
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await box.wait()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        box.post("just now")
        assert box.close_and_drain() == ["just now"]
    with pytest.raises(trio.ClosedResourceError):
        await box.wait()


async def test_an_idle_owner_handles_a_letter_in_its_senders_turn(nursery: trio.Nursery) -> None:
    """Before `post` returns; what comes while it handles one waits for the owner's own task."""
    box = mailbox()
    handled: list[tuple[str, bool]] = []
    sender = trio.lowlevel.current_task()

    def handle(letter: str) -> None:
        handled.append((letter, trio.lowlevel.current_task() is sender))
        if letter == "ask":
            box.post("asked meanwhile")
            assert box.statistics().depth == 1

    nursery.start_soon(box.attend, handle)
    box.post("early")
    assert handled == []
    await trio.testing.wait_all_tasks_blocked()
    box.post("ask")
    assert handled == [("early", False), ("ask", True)]
    box.post("behind")
    await trio.testing.wait_all_tasks_blocked()
    assert handled[2:] == [("asked meanwhile", False), ("behind", False)]
    assert (box.statistics().depth, box.statistics().processed) == (0, 4)
    box.post("again")
    assert handled[-1] == ("again", True)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("idle", [True, False])
async def test_what_goes_wrong_with_a_letter_is_its_owners_matter_and_the_letter_comes_back(idle: bool) -> None:
    """The sender hears nothing of it; whoever is behind in the line comes back too."""
    box = mailbox()

    def stumble(letter: str) -> None:
        box.post("behind")
        raise LookupError(letter)

    async def own() -> None:
        with pytest.raises(LookupError, match="bad"):
            await box.attend(stumble)

    async with trio.open_nursery() as nursery:
        if idle:
            nursery.start_soon(own)
            await trio.testing.wait_all_tasks_blocked()
            box.post("bad")
        else:
            box.post("bad")
            nursery.start_soon(own)
    assert box.close_and_drain() == ["bad", "behind"]


async def test_an_owner_that_is_cancelled_takes_no_more_letters() -> None:
    """They stand in the mailbox for whoever drains it; a letter that cancels its own owner is the last."""
    box = mailbox()
    handled: list[str] = []
    async with trio.open_nursery() as nursery:

        def handle(letter: str) -> None:
            handled.append(letter)
            nursery.cancel_scope.cancel()

        nursery.start_soon(box.attend, handle)
        await trio.testing.wait_all_tasks_blocked()
        box.post("last")
        box.post("late")
    assert handled == ["last"]
    assert box.close_and_drain() == ["late"]


async def test_an_owner_that_closes_while_it_handles_a_letter_has_ended() -> None:
    box = mailbox()

    def close(_letter: str) -> None:
        assert box.close_and_drain() == []

    async with trio.open_nursery() as nursery:

        async def own() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await box.attend(close)

        nursery.start_soon(own)
        await trio.testing.wait_all_tasks_blocked()
        box.post("the end")
    with pytest.raises(ActorDied):
        box.post("too late")
