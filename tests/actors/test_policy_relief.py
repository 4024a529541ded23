"""When memory that nobody uses is given back: after floods, not for ever, and not taken for needed too early."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.policy.relief import ATTEMPTS, EVERY_S, WORTH_BYTES, Relief

MEGABYTE = 1024 * 1024
SAMPLE_EVERY_S = 0.25


class Process:
    """A process by what it holds, in MB: what it needs, what its calls hold, and holes that an attempt gives back."""

    def __init__(self, in_use: int = 0) -> None:
        self.needed = 66
        self.in_use = in_use
        self.holes = 0
        self.now = 0.0
        self.attempts: list[float] = []
        self.given_back: list[int] = []
        self._relief = Relief()
        self.goes_on(1)

    def goes_on(self, for_s: float) -> list[float]:
        """It is sampled for so long; returns when attempts were made meanwhile."""
        before, ends_at = len(self.attempts), self.now + for_s
        while self.now < ends_at:
            self.now += SAMPLE_EVERY_S
            if self._relief.is_due(self.resident, self.in_use * MEGABYTE, self.now):
                self.tries_to_give_back()
                self.attempts.append(self.now)
        return self.attempts[before:]

    def tries_to_give_back(self) -> None:
        before, self.holes = self.resident, 0
        self.given_back.append(before - self.resident)
        self._relief.attempted(before - self.resident, self.resident, self.in_use * MEGABYTE, self.now)

    @property
    def resident(self) -> int:
        return (self.needed + self.in_use + self.holes) * MEGABYTE


def test_an_attempt_amid_a_flood_does_not_make_its_remains_needed() -> None:
    """Calls hold little for a moment, while 60 MB are somebody else's; 3 s later they are holes, and go."""
    process = Process()
    process.in_use = 400
    assert process.goes_on(2) == []
    process.in_use, process.needed, process.holes = 90, 126, 200
    assert process.goes_on(3) == [3.25]
    process.in_use, process.needed, process.holes = 0, 66, 60

    assert process.goes_on(60) == [8.25]
    assert process.resident == 66 * MEGABYTE


def test_a_flood_that_is_there_from_the_first_sample_is_one() -> None:
    """The clients did not wait until it had been looked how much the process holds without them."""
    process = Process(in_use=1)
    process.in_use = 400
    process.goes_on(2)
    process.in_use, process.holes = 1, 300
    assert process.goes_on(60) == [3.25]
    assert process.resident == 67 * MEGABYTE


def test_what_attempts_leave_because_it_is_little_does_not_add_up() -> None:
    """20 MB are not worth an attempt; when they have become 40, these are, and not what would come upon the 20."""
    process = Process()
    process.in_use = 400
    process.goes_on(2)
    process.in_use, process.needed, process.holes = 0, 86, 200
    assert process.goes_on(60) == [3.25]
    process.needed, process.holes = 66, 40
    assert process.goes_on(60) == [63.25]
    assert process.resident == 66 * MEGABYTE


def test_three_attempts_in_vain_and_what_is_left_is_needed() -> None:
    """A cache has grown by 40 MB: it is tried three times, 5 s apart, and for a week nobody is stopped again for it."""
    process = Process()
    process.needed += 40
    assert process.goes_on(3600) == [1.25 + EVERY_S * number for number in range(ATTEMPTS)]
    process.needed += 40
    process.holes = 40
    assert len(process.goes_on(3600)) == ATTEMPTS + 1  # the first of them gave back


def test_what_is_announced_and_has_not_come_makes_nothing_look_like_remains() -> None:
    """242 MB are counted when they are announced, and come later: the process does not need less than before."""
    process = Process()
    process.in_use, process.needed = 242, 66 - 200
    process.goes_on(5)
    process.needed = 66
    process.goes_on(5)
    process.in_use = 0
    assert process.goes_on(60) == []


def test_attempts_under_pressure_amid_a_flood_say_nothing_of_what_is_needed() -> None:
    process = Process()
    process.in_use, process.needed = 400, 126
    process.goes_on(2)
    for _ in range(ATTEMPTS):
        process.tries_to_give_back()
    process.in_use, process.needed, process.holes = 0, 66, 60
    assert process.goes_on(60) == [8.0]
    assert process.resident == 66 * MEGABYTE


@settings(max_examples=50)
@given(
    floods=st.lists(
        st.tuples(st.sampled_from([0, 90, 1000]), st.sampled_from([0, 31, 32, 200]), st.sampled_from([0.25, 1, 4, 20])),
        max_size=12,
    )
)
def test_of_whatever_floods_nothing_large_stays_and_nobody_is_stopped_for_little(
    floods: list[tuple[int, int, float]],
) -> None:
    """As long as the process itself needs the same: what calls hold, the holes that they leave, and for how long."""
    process = Process()
    for in_use, left, for_s in floods:
        process.in_use = in_use
        process.holes += left
        process.goes_on(for_s)
    process.in_use = 0
    process.goes_on(EVERY_S + SAMPLE_EVERY_S)

    assert process.holes * MEGABYTE < WORTH_BYTES
    assert all(back >= WORTH_BYTES for back in process.given_back)
    assert all(later - earlier >= EVERY_S for earlier, later in pairwise(process.attempts))
