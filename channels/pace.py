"""Keeps one resident, or one address, from using up what is there for all."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

REMEMBERED = 20_000


@dataclass
class _Purse:
    left: float
    at: float


class Pace:
    """Token buckets by key: `burst` at once, then `per_second`; `per_second` 0 lets everything pass."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._burst, self._rate, self._clock = float(burst), per_second, clock
        self._purses: OrderedDict[str, _Purse] = OrderedDict()

    def wait(self, key: str) -> float:
        """Takes one token: 0.0 when there was one, else the seconds until there will be one (nothing is taken)."""
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        purse = self._purses.pop(key, None) or _Purse(self._burst, now)
        purse.left = min(self._burst, purse.left + (now - purse.at) * self._rate)
        purse.at = now
        self._purses[key] = purse
        while len(self._purses) > REMEMBERED:
            self._purses.popitem(last=False)
        if purse.left < 1.0:
            return (1.0 - purse.left) / self._rate
        purse.left -= 1.0
        return 0.0
