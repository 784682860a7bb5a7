"""Keeping one sender from using up what is there for all."""

from __future__ import annotations

from channels.pace import REMEMBERED, Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_it_is_so_many_a_second() -> None:
    clock = Clock()
    pace = Pace(burst=3, per_second=2, clock=clock)
    assert [pace.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now = 0.5
    assert pace.wait("a") == 0.0 and pace.wait("a") == 0.5
    assert pace.wait("b") == 0.0


def test_a_rate_of_nothing_lets_everything_pass() -> None:
    pace = Pace(burst=0, per_second=0)
    assert [pace.wait("a") for _ in range(100)] == [0.0] * 100


def test_senders_of_long_ago_are_forgotten() -> None:
    pace = Pace(burst=1, per_second=1, clock=Clock())
    for number in range(REMEMBERED + 5):
        pace.wait(str(number))
    assert len(pace._purses) == REMEMBERED
