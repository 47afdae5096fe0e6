"""Processes that work for this one: they end when it does, however it ends, and leave Ctrl-C to it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


def pool(workers: int) -> ProcessPoolExecutor:
    """Fresh processes, started when they are first needed."""
    return ProcessPoolExecutor(
        max(1, workers), mp_context=multiprocessing.get_context("spawn"), initializer=_follow_parent
    )


def submit(processes: ProcessPoolExecutor, work: Callable[..., Answer], *args: object) -> Future[Answer]:
    """Hand work to a pool. A process that starts meanwhile inherits the mask: Ctrl-C is the parent's alone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return processes.submit(work, *args)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end(processes: ProcessPoolExecutor) -> None:
    """Stop at once, whatever is being worked on."""
    for process in list((processes._processes or {}).values()):
        process.kill()
    processes.shutdown(wait=False, cancel_futures=True)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
