"""Processes that take batches apart, this one among them."""

import gc
import multiprocessing
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

import pyarrow as pa

from pipelines.kili import rows
from pipelines.kili.parsing import Text

_WORTH: Final = 24 << 20  # bytes that this process has taken apart by the time that others have started
_QUEUE: Final = 2  # batches that wait for a process, so that it never waits for them


class Workers:
    """So many processes, started when there is enough to do; work that none of them is free for is done here."""

    def __init__(self, count: int) -> None:
        self._count = 1 if multiprocessing.current_process().daemon else count
        self._others: list[_Other] = []
        self._size = 0

    @property
    def ahead(self) -> int:
        """How many batches may be under way."""
        return self._count * _QUEUE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for other in self._others:
            other.close()

    def submit(self, texts: list[list[Text]], state: rows.State) -> "Future[rows.Taken]":
        """A batch as `rows.take` gives it, now or later."""
        if self._size >= _WORTH and not self._others:
            self._others = [_Other() for _ in range(self._count - 1)]
        self._size += sum(len(text.raw) for group in texts for text in group)
        free = [other for other in self._others if other.waiting < _QUEUE]
        if free:
            return min(free, key=lambda other: other.waiting).submit(texts, state)
        done: Future[rows.Taken] = Future()
        done.set_result(rows.take(texts, state))
        return done


class _Other:
    """Another process, and the thread here that waits for it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there,), daemon=True)
        self._process.start()
        there.close()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self.waiting = 0

    def submit(self, texts: list[list[Text]], state: rows.State) -> "Future[rows.Taken]":
        self.waiting += 1
        return self._thread.submit(self._ask, texts, state)

    def close(self) -> None:
        self._process.terminate()
        self._connection.close()
        self._thread.shutdown(cancel_futures=True)
        self._process.join()

    def _ask(self, texts: list[list[Text]], state: rows.State) -> rows.Taken:
        try:
            self._connection.send((texts, state))
            answer = self._connection.recv()
        finally:
            self.waiting -= 1
        if isinstance(answer, rows.Taken):
            return answer
        raise answer


def _serve(connection: Connection) -> None:
    """Takes batches apart until the other side is gone."""
    gc.disable()
    pa.set_memory_pool(pa.system_memory_pool())
    while True:
        try:
            texts, state = connection.recv()
        except EOFError:
            return
        try:
            connection.send(rows.take(texts, state))
        except Exception as error:
            connection.send(error)
