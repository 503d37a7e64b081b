"""The module `logging` in a component: its records go to the host's log, and have no time."""

import logging
import time
from types import SimpleNamespace
from typing import Any

from .host import Host, Level

# As `print` to standard error: the host would quote a line of the level `error` as the reason of a
# fault.
HIGHEST: Level = "warn"


class Handler(logging.Handler):
    """Writes records to the host's log."""

    def __init__(self, host: Host):
        super().__init__()
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "debug" if record.levelno < logging.INFO else "info"
        self._host.log(HIGHEST if record.levelno >= logging.WARNING else level, self.format(record))


def route(host: Host, streams: tuple[Any, ...]) -> None:
    """Sends to the host's log what would go to one of these streams. A root without handlers gets one,
    and lets through what is at least `info`."""
    # A record has a time, and there is none.
    setattr(logging, "time", SimpleNamespace(time=lambda: 0.0, time_ns=lambda: 0))
    setattr(logging.Formatter, "converter", time.gmtime)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(Handler(host))
        root.setLevel(min(root.level, logging.INFO))
    loggers = [one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    for logger in [root, *loggers]:
        for at, handler in enumerate(logger.handlers):
            if isinstance(handler, logging.StreamHandler) and handler.stream in streams:
                ours = Handler(host)
                ours.setFormatter(handler.formatter)
                ours.setLevel(handler.level)
                logger.handlers[at] = ours
