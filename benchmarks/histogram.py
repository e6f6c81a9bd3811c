"""Times counted in buckets of 2 µs: small to send between processes, merged by adding."""

from collections.abc import Iterable

BUCKETS_PER_SECOND = 500_000

# Bucket number → how many fell into it. A plain dict, since it crosses a pipe as JSON.
Histogram = dict[int, int]


def percentile(times: Histogram, percent: float) -> float:
    """The time, in seconds, that `percent` of the entries do not exceed; NaN where there are none."""
    rank = percent / 100 * sum(times.values())
    seen = 0
    for bucket in sorted(times):
        seen += times[bucket]
        if seen >= rank:
            return (bucket + 0.5) / BUCKETS_PER_SECOND
    return float("nan")


def merge(parts: Iterable[Histogram]) -> Histogram:
    whole: Histogram = {}
    for part in parts:
        for bucket, count in part.items():
            whole[bucket] = whole.get(bucket, 0) + count
    return whole
