"""Processes that parse batches, this process included."""

import gc
import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from pipelines import parent_process
from pipelines.kili import records, rows
from pipelines.kili.batch import Text
from pipelines.loading.parquet_files import File, Spool

_MIN_BYTES_FOR_WORKERS: Final = 64 << 20  # with fewer bytes, starting other processes takes longer than it saves
_SENT: Final = {"responses"}  # long rows stay here: DuckDB writes rows of one file once, of several up to three times
_QUEUE: Final = 2  # batches that are sent ahead, so that a process never waits


class WorkerDied(Exception):
    """A worker process has ended unexpectedly."""


class Workers:
    """A pool of processes, started when there is enough work. This process does the work that no other is free for.

    The other processes write most of their rows themselves, into files of the same load.
    """

    def __init__(self, count: int, spool: Spool | None = None) -> None:
        self._count = 1 if spool is None or multiprocessing.current_process().daemon else count
        self._spool = spool
        self._others: list[_Other] = []
        self._size = 0

    @property
    def ahead(self) -> int:
        """How many batches may be in progress."""
        return self._count * _QUEUE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._spool and error is None:
                for other in self._others:
                    self._spool.add(other.files())
        finally:
            for other in self._others:
                other.close()

    def expect(self, size: int) -> None:
        """Announces the bytes that will come, so that other processes are started early."""
        if self._spool and self._size + size >= _MIN_BYTES_FOR_WORKERS and not self._others:
            self._others = [_Other(self._spool) for _ in range(self._count - 1)]

    def submit(self, texts: list[list[Text]], state: rows.State) -> "Future[rows.Taken]":
        """The future result of `rows.take` for a batch."""
        self.expect(0)
        self._size += sum(len(text.raw) for group in texts for text in group)
        free = [other for other in self._others if other.waiting < _QUEUE]
        if free:
            return min(free, key=lambda other: other.waiting).submit(texts, state)
        done: Future[rows.Taken] = Future()
        done.set_result(rows.take(texts, state))
        return done


class _Other:
    """A worker process with two threads here: one sends batches ahead, one receives results."""

    def __init__(self, spool: Spool) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, there = context.Pipe()
        known = (there, spool.folder, spool.load_id, os.getpid())
        self._process = context.Process(target=_serve, args=known, daemon=True)
        with _interrupts_blocked():
            self._process.start()
        there.close()
        self._giving, self._taking = ThreadPoolExecutor(max_workers=1), ThreadPoolExecutor(max_workers=1)
        self.waiting = 0

    def submit(self, texts: list[list[Text]], state: rows.State) -> "Future[rows.Taken]":
        self.waiting += 1
        self._giving.submit(self._give, (texts, state))
        return self._taking.submit(self._take)

    def files(self) -> list[File]:
        """Closes the files of the process and returns them."""
        self._giving.submit(self._give, None)
        found: list[File] = self._taking.submit(self._answer).result()
        return found

    def close(self) -> None:
        self._process.terminate()
        for threads in (self._giving, self._taking):
            threads.shutdown(cancel_futures=True)
        self._connection.close()
        self._process.join()

    def _give(self, asked: tuple[list[list[Text]], rows.State] | None) -> None:
        try:
            self._connection.send(asked)
        except BaseException:
            self._process.terminate()  # else this process would wait for its answer
            raise

    def _take(self) -> rows.Taken:
        try:
            taken: rows.Taken = self._answer()
        finally:
            self.waiting -= 1
        return taken

    def _answer(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(1)
            code = self._process.exitcode
            raise WorkerDied(f"a process that reads exports has died (exit code {code}): was memory short?") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Blocks Ctrl-C for processes started meanwhile: the process that started them ends them."""
    resource_tracker.ensure_running()  # else starting a process starts it, which unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, folder: Path, load_id: str, parent: int) -> None:
    """Parses batches and writes most of their rows, until the files are requested or the parent has ended."""
    parent_process.exit_with(parent)
    gc.disable()
    pa.set_memory_pool(pa.system_memory_pool())
    spool = Spool(folder, load_id, records.TABLES)
    while True:
        try:
            asked = connection.recv()
        except EOFError:
            return
        try:
            connection.send(spool.close() if asked is None else _written(rows.take(*asked), spool))
        except Exception as error:
            connection.send(error)


def _written(taken: rows.Taken, spool: Spool) -> rows.Taken:
    spool.write({name: table for name, table in taken.tables.items() if name not in _SENT})
    taken.tables = {name: table for name, table in taken.tables.items() if name in _SENT}
    return taken
