"""Ends child processes with the run that started them, so that none writes while the next run does."""

import os
import threading
import time
from typing import Final

_LOOK_AGAIN: Final = 0.1


def end_with(parent: int) -> None:
    """Ends this process when its parent ends. `parent`: the parent's process id."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_AGAIN)
    os._exit(1)
