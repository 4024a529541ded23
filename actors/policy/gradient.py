"""How many calls a provider can take at once, found out from how long it takes to answer: Netflix's Gradient2.

A long average of the time to the first token is what the provider can do; what it takes now, beside that, is its queue.
The limit shrinks by the ratio of the two and grows by a few calls otherwise, so that it hovers where a queue begins.
https://github.com/Netflix/concurrency-limits (Gradient2Limit, WindowedLimit; numbers as there).
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientSettings:
    """The bounds, and how it moves within them."""

    least: int = 4
    most: int = 256
    start: int = 20
    queue: int = 4
    """Calls that may queue at the provider; what the limit grows by."""
    tolerance: float = 1.5
    """So many times the long average are no sign of a queue: prompts differ."""
    smoothing: float = 0.2
    long_window: int = 600
    warm_up: int = 10
    window_s: float = 1.0
    window_samples: int = 10
    """One update for so many seconds and samples at least."""


class GradientLimit:
    """Moves `limit` by what it is told; times are monotonic seconds.

    Streamed and whole answers are measured against averages of their own: a whole one takes as long as it is.
    """

    __slots__ = ("_estimate", "_series", "_settings")

    def __init__(self, settings: GradientSettings) -> None:
        self._settings = settings
        self._estimate = float(max(settings.least, min(settings.most, settings.start)))
        self._series = (_Series(settings), _Series(settings))

    @property
    def limit(self) -> int:
        return int(self._estimate)

    def answered(self, seconds: float, in_flight: int, now: float, *, streamed: bool) -> None:
        """An answer began after `seconds`, while so many calls were in flight."""
        series = self._series[streamed]
        window = series.window
        window.add(seconds, in_flight)
        if now >= window.due_at and window.count >= self._settings.window_samples:
            series.window = _Window(now + self._settings.window_s)
            self._update(series.average, window.sum_s / window.count, window.most_in_flight)

    def refused(self) -> None:
        """The provider asked for less, or did not answer in time: one call less."""
        self._estimate = max(float(self._settings.least), self._estimate - 1.0)

    def bound(self, most: int) -> None:
        """No more than that from now on."""
        self._settings = replace(self._settings, most=most, least=min(self._settings.least, most))
        self._estimate = min(self._estimate, float(most))

    def long_average_s(self, *, streamed: bool) -> float:
        """What the time to an answer is compared with; 0 while nothing is known."""
        return self._series[streamed].average.value

    def _update(self, average: _LongAverage, short_s: float, in_flight: int) -> None:
        settings = self._settings
        long_s = average.add(short_s)
        if long_s > 2 * short_s:
            average.value *= 0.95  # a long time of trouble is over: it is forgotten faster than the average would
        if in_flight < self._estimate / 2:
            return  # what nobody uses need not grow
        gradient = max(0.5, min(1.0, settings.tolerance * long_s / short_s)) if short_s > 0 else 1.0
        wanted = self._estimate * gradient + settings.queue
        smoothed = self._estimate * (1 - settings.smoothing) + wanted * settings.smoothing
        self._estimate = max(float(settings.least), min(float(settings.most), smoothed))


class _Series:
    """One kind of answers."""

    __slots__ = ("average", "window")

    def __init__(self, settings: GradientSettings) -> None:
        self.average = _LongAverage(settings.long_window, settings.warm_up)
        self.window = _Window(0.0)


class _Window:
    """Samples that make one update."""

    __slots__ = ("count", "due_at", "most_in_flight", "sum_s")

    def __init__(self, due_at: float) -> None:
        self.due_at = due_at
        self.count = 0
        self.sum_s = 0.0
        self.most_in_flight = 0

    def add(self, seconds: float, in_flight: int) -> None:
        self.count += 1
        self.sum_s += seconds
        self.most_in_flight = max(self.most_in_flight, in_flight)


class _LongAverage:
    """A plain average of the first samples, an exponential one from then on."""

    __slots__ = ("_count", "_factor", "_sum", "_warm_up", "value")

    def __init__(self, window: int, warm_up: int) -> None:
        self._factor = 2.0 / (window + 1)
        self._warm_up = warm_up
        self._count = 0
        self._sum = 0.0
        self.value = 0.0

    def add(self, sample: float) -> float:
        if self._count < self._warm_up:
            self._count += 1
            self._sum += sample
            self.value = self._sum / self._count
        else:
            self.value = self.value * (1 - self._factor) + sample * self._factor
        return self.value
