"""Times counted in buckets of 2 µs: small to send between processes, merged by adding."""

from collections.abc import Iterable
from itertools import accumulate

BUCKETS_PER_SECOND = 500_000

# Bucket number → how many fell into it. A plain dict, since it crosses a pipe as JSON.
Histogram = dict[int, int]


def percentiles(**wanted: tuple[Histogram, float]) -> dict[str, float]:
    """The time, in seconds, that a percentage of each one's entries do not exceed; none of one without entries."""
    return {name: _percentile(times, percent) for name, (times, percent) in wanted.items() if times}


def _percentile(times: Histogram, percent: float) -> float:
    rank = percent / 100 * sum(times.values())
    buckets = sorted(times)
    reached = accumulate(times[bucket] for bucket in buckets)
    return (
        next(bucket for bucket, seen in zip(buckets, reached, strict=True) if seen >= rank) + 0.5
    ) / BUCKETS_PER_SECOND


def merge(parts: Iterable[Histogram]) -> Histogram:
    whole: Histogram = {}
    for part in parts:
        for bucket, count in part.items():
            whole[bucket] = whole.get(bucket, 0) + count
    return whole
