"""Processes that work beside this one. Imports nothing of weight, so that they start while the rest is imported."""

import importlib
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import AsyncResult, Pool

MOST = 4
"""So many processes draw where nothing is said: each takes some 150 MB."""

Task = tuple[object, ...]
_NEEDED = "viner.scenarios.output"
# One that a process is at, and one that waits for it.
_AHEAD = 2


@dataclass(frozen=True)
class Beside:
    """Processes beside this one, and how many."""

    pool: Pool
    number: int


def usual() -> int:
    """Return how many processes draw where nothing is said: one a core that may be used, at most four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


@contextmanager
def beside(processes: int) -> Iterator[Beside | None]:
    """Give processes that work beside this one, and stop them at the end, whatever they are at.

    They are new and no copies of this one, and import the script that asks for them: that one does its own work under
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    processes
        How many work, this one among them. There is none beside one.
    """
    number = processes - 1
    if not number:
        yield None
        return
    with multiprocessing.get_context("spawn").Pool(number, _begin) as pool:
        yield Beside(pool, number)


def shared(work: Callable[..., None], tasks: Sequence[Task], others: Beside | None) -> Callable[[], None]:
    """Let others begin with tasks, and return what does the rest, here and there, until all are done.

    Parameters
    ----------
    work
        Does a task; a function of a module.
    tasks
        Its arguments, task by task. Where others cannot know one, since a user's own file defines it, all are done in
        this process.
    others
        Processes beside this one.
    """
    waiting, sent = deque(tasks), list[AsyncResult[None]]()
    most = _AHEAD * others.number if others and _can_be_sent(tasks) else 0

    def send() -> None:
        while others and waiting and sum(not one.ready() for one in sent) < most:
            # Packed here and now: later, in the pool's own thread, what it holds may be changing.
            packed = pickle.dumps((work, waiting.popleft()))
            sent.append(others.pool.apply_async(_unpacked, (packed,)))

    def finish() -> None:
        while waiting:
            work(*waiting.popleft())
            send()
        for one in sent:
            one.get()

    send()
    return finish


def _begin() -> None:
    # An interrupt is answered by the first process, which then stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    importlib.import_module(_NEEDED)


def _unpacked(packed: bytes) -> None:
    work, task = pickle.loads(packed)  # noqa: S301, it was packed by this program
    work(*task)


def _can_be_sent(tasks: Sequence[Task]) -> bool:
    try:
        pickle.dumps(tasks)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
