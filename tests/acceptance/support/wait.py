"""Waiting for a fact, with a deadline: no test sleeps for a time that it hopes is enough."""

import time


class TimedOut(AssertionError):
    """What was waited for did not happen."""


def until(fact, what, seconds=15, every=0.05):
    """Calls `fact` until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        last = fact()
        if last:
            return last
        if time.monotonic() > deadline:
            raise TimedOut(f"not within {seconds} s: {what} (last: {last!r})")
        time.sleep(every)


def settled(show, wanted, what, seconds=15):
    """Calls `show` until it returns `wanted`; the message says what it returned instead."""
    seen = []

    def fact():
        seen[:] = [show()]
        return seen[0] == wanted

    try:
        until(fact, what, seconds)
    except TimedOut:
        raise TimedOut(f"not within {seconds} s: {what}: wanted {wanted!r}, is {seen[0]!r}") from None
