"""What a component finds around it: no files, no clock, no standard output. Only a component can
import this.

The compiler's stubs of WASI end the component without saying where it came from. So whatever leads
to them raises an exception that names the remedy, from the first call on.
"""

import os
import sys
import time
from typing import Any, Callable, NoReturn

import _imp
from componentize_py_types import Err
from wit_world.imports import log

from .checked import text

# The host cuts longer faults, and the innermost places say most.
LONGEST_MESSAGE = 300
INNERMOST, OUTERMOST = 3, 2
# Auditing events that lead to a stub, by how they begin.
FILES = ("open", "os.", "shutil.", "tempfile.", "glob.", "pathlib.", "mmap.")
OTHERS = {
    "socket.": "there is no network; ask pods with `host.run` and `host.http_get`",
    "subprocess.": "there are no programs; ask pods with `host.run`",
    "_thread.": "there are no threads; `host.exec_all` asks many pods at the same time",
    "time.sleep": "nothing waits here; raise RetryAfter",
}
CLOCKS = ["time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime"]


class Lines:
    """A standard output whose lines go to the host's log."""

    encoding = "utf-8"

    def __init__(self, level: log.Level):
        self._level = level
        self._rest = ""

    def write(self, written: str) -> int:
        *lines, self._rest = (self._rest + written).split("\n")
        for line in lines:
            log.log(self._level, text(line))
        return len(written)

    def flush(self) -> None:
        """Lines are written as soon as they end."""

    def isatty(self) -> bool:
        return False


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Raises an exception instead of what would end the component."""
    if event == "import":
        name = arguments[0]
        if name not in sys.builtin_module_names and not _imp.is_frozen(name):
            raise ImportError(f"`{name}` is not in the component; import it at the top of a file")
    elif event.startswith(FILES):
        raise OSError(f"there are no files in a component ({event})")
    else:
        for begin, message in OTHERS.items():
            if event.startswith(begin):
                raise OSError(message)


def no_clock(*_: Any) -> NoReturn:
    """Stands for the functions of the time."""
    raise OSError("there is no clock, so that the same context leads to the same answer; use `ctx.now_ms`")


is_closed = False


def close() -> None:
    """Refuses from now on what would end the component. The compiler imports what it needs before any
    method is called."""
    global is_closed
    if is_closed:
        return
    is_closed = True
    sys.stdout, sys.stderr = Lines(log.Level.INFO), Lines(log.Level.WARN)
    for clock in CLOCKS:
        setattr(time, clock, no_clock)
    sys.addaudithook(refuse)


def fault(error: BaseException) -> str:
    """Returns the message of an exception, and where it was raised, the innermost place first."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        # Neither the SDK, nor what is generated or built in.
        if f"{os.sep}wasser{os.sep}" not in code.co_filename and not code.co_filename.startswith("<"):
            file = code.co_filename.rsplit(os.sep, 1)[-1]
            places.append(f"{file}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    places.reverse()
    if len(places) > INNERMOST + OUTERMOST:
        places[INNERMOST:-OUTERMOST] = ["…"]
    message = str(error)[:LONGEST_MESSAGE]
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text(f"{said} at {' < '.join(places)}")


def guarded(method: Callable[[], Any]) -> Any:
    """Calls a method. What it did not mean to raise is logged before the component ends: the host quotes
    the last error of the log in the message of the fault."""
    close()
    try:
        return method()
    except Err:
        raise
    except BaseException as error:
        log.log(log.Level.ERROR, fault(error))
        # The trap of an exception that goes on would be one of printing it.
        os.abort()
