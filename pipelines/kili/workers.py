"""Processes batches of records in several processes, of which this process is one."""

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
from pipelines.kili.batch import RecordText
from pipelines.loading.parquet_files import File, Spool

_MIN_BYTES_FOR_WORKERS: Final = 64 << 20  # fewer bytes do not repay the start of worker processes
_RETURNED_TABLES: Final = {"responses"}  # long rows: DuckDB writes them up to three times unless all are in one file
_MAX_QUEUED: Final = 2  # batches queued for a worker process, so that it never idles


class WorkerDied(Exception):
    """A worker process has ended unexpectedly."""


class Workers:
    """A pool of `count` processes: this process and worker processes, which start when the work is worth it.

    If every worker's queue is full, this process handles the batch itself. A worker process writes most of its rows
    directly into the files of the load.
    """

    def __init__(self, count: int, spool: Spool | None = None) -> None:
        self._count = 1 if spool is None or multiprocessing.current_process().daemon else count
        self._spool = spool
        self._processes: list[_WorkerProcess] = []
        self._size = 0

    @property
    def max_pending(self) -> int:
        """The number of batches that may be in progress."""
        return self._count * _MAX_QUEUED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._spool and error is None:
                for process in self._processes:
                    self._spool.add(process.finish_files())
        finally:
            for process in self._processes:
                process.close()

    def expect(self, size: int) -> None:
        """Announces a number of bytes to process. Starts the worker processes if the work is worth it."""
        if self._spool and self._size + size >= _MIN_BYTES_FOR_WORKERS and not self._processes:
            self._processes = [_WorkerProcess(self._spool) for _ in range(self._count - 1)]

    def submit(self, texts: list[list[RecordText]], state: rows.KnownState) -> "Future[rows.BatchResult]":
        """Returns the future result of `rows.process_batch`, from a worker or, if all are busy, from this process."""
        self.expect(0)
        self._size += sum(len(text.raw) for group in texts for text in group)
        free = [process for process in self._processes if process.pending < _MAX_QUEUED]
        if free:
            return min(free, key=lambda process: process.pending).submit(texts, state)
        done: Future[rows.BatchResult] = Future()
        done.set_result(rows.process_batch(texts, state))
        return done


class _WorkerProcess:
    """A worker process, and two threads in this process: one sends batches ahead, one receives their results."""

    def __init__(self, spool: Spool) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, worker_connection = context.Pipe()
        arguments = (worker_connection, spool.folder, spool.load_id, os.getpid())
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        with _interrupts_blocked():
            self._process.start()
        worker_connection.close()
        self._sender, self._receiver = ThreadPoolExecutor(max_workers=1), ThreadPoolExecutor(max_workers=1)
        self.pending = 0

    def submit(self, texts: list[list[RecordText]], state: rows.KnownState) -> "Future[rows.BatchResult]":
        self.pending += 1
        self._sender.submit(self._send, (texts, state))
        return self._receiver.submit(self._receive_result)

    def finish_files(self) -> list[File]:
        """Returns the files that the process has written, after it has closed them."""
        self._sender.submit(self._send, None)
        files: list[File] = self._receiver.submit(self._receive).result()
        return files

    def close(self) -> None:
        self._process.terminate()
        for threads in (self._sender, self._receiver):
            threads.shutdown(cancel_futures=True)
        self._connection.close()
        self._process.join()

    def _send(self, request: tuple[list[list[RecordText]], rows.KnownState] | None) -> None:
        try:
            self._connection.send(request)
        except BaseException:
            self._process.terminate()  # else the receiver would wait for a reply
            raise

    def _receive_result(self) -> rows.BatchResult:
        try:
            result: rows.BatchResult = self._receive()
        finally:
            self.pending -= 1
        return result

    def _receive(self) -> Any:
        try:
            reply = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(1)
            code = self._process.exitcode
            raise WorkerDied(
                f"a process that reads exports has died (exit code {code}): the machine may be short of memory"
            ) from None
        if isinstance(reply, Exception):
            raise reply
        return reply


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Starts processes that ignore Ctrl-C, which a terminal sends to all processes. Their parent ends them."""
    resource_tracker.ensure_running()  # else the first started process starts it, which unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, folder: Path, load_id: str, parent: int) -> None:
    """Processes batches and writes most of their rows, until the files are requested or the parent has ended."""
    parent_process.exit_with(parent)
    gc.disable()
    pa.set_memory_pool(pa.system_memory_pool())
    spool = Spool(folder, load_id, records.TABLES)
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return
        try:
            connection.send(spool.close() if request is None else _write(rows.process_batch(*request), spool))
        except Exception as error:
            connection.send(error)


def _write(result: rows.BatchResult, spool: Spool) -> rows.BatchResult:
    """Writes the rows of a batch to the spool. Returns the result with only the tables that the parent writes."""
    spool.write({name: table for name, table in result.tables.items() if name not in _RETURNED_TABLES})
    result.tables = {name: table for name, table in result.tables.items() if name in _RETURNED_TABLES}
    return result
