"""What a component finds around it: no files, no clock, no standard output. Only a component can
import this.

The compiler's stubs of WASI end the component without saying where it came from. So whatever leads
to them raises an exception that names the remedy, from the first call on.
"""

import os
import random
import sys
import time
from typing import Any, Callable, NoReturn

import _imp
from componentize_py_types import Err

from .checked import text
from .host import Host, Level

# Only with a runtime that has imported it before this: it is large.
has_logging = "logging" in sys.modules
if has_logging:
    from . import logs

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
# Functions that ask for the time, and those that do unless they are given one, with the place of that
# among their arguments.
CLOCKS = [name for name in dir(time) if name.startswith(("clock_", "monotonic", "perf_", "process_", "thread_", "time"))]
GIVEN_TIME = {"localtime": 0, "gmtime": 0, "ctime": 0, "asctime": 0, "strftime": 1}
# Directories of what is not the author's: the SDK, what comes with Python, and with the compiler.
SDK, PYTHON, COMPILER = f"{os.sep}wasser{os.sep}", f"{sys.prefix}{os.sep}", f"{os.sep}bundled{os.sep}"


class Lines:
    """A standard output whose lines go to the host's log."""

    encoding = "utf-8"

    def __init__(self, host: Host, level: Level):
        self._host = host
        self._level = level
        self._rest = ""

    def write(self, written: str) -> int:
        *lines, self._rest = (self._rest + written).split("\n")
        for line in lines:
            self._host.log(self._level, line)
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


def no_random(*_: Any) -> NoReturn:
    """Stands for what is random."""
    raise OSError("there is no randomness, so that the same context leads to the same answer")


def with_time(function: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Returns a function that is refused if it is not given a time at this place."""

    def called(*given: Any) -> Any:
        return function(*given) if len(given) > at and given[at] is not None else no_clock()

    return called


def close_clocks() -> None:
    """Refuses the time."""
    for clock in CLOCKS:
        setattr(time, clock, no_clock)
    for clock, at in GIVEN_TIME.items():
        setattr(time, clock, with_time(getattr(time, clock), at))


def close_random() -> None:
    """Refuses what is random. `random` itself has its seed since the component was built."""
    os.urandom = no_random
    if hasattr(os, "getrandom"):
        os.getrandom = no_random
    setattr(random, "_urandom", no_random)
    seeded = random.Random.seed

    def seed(generator: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            no_random()
        seeded(generator, a, version)

    setattr(random.Random, "seed", seed)
    # It is bound to the former one.
    random.seed = lambda a=None, version=2: no_random() if a is None else seeded(random._inst, a, version)


is_closed = False


def close(host: Host) -> None:
    """Refuses from now on what would end the component. The compiler imports what it needs before any
    method is called."""
    global is_closed
    if is_closed:
        return
    is_closed = True
    streams = (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = Lines(host, "info"), Lines(host, "warn")
    if has_logging:
        logs.route(host, streams)
    close_clocks()
    close_random()
    sys.addaudithook(refuse)


def fault(error: BaseException) -> str:
    """Returns the message of an exception, and where it was raised, the innermost place first."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        # Neither the SDK, nor what is generated or built in.
        if SDK not in code.co_filename and not code.co_filename.startswith(("<", PYTHON, COMPILER)):
            file = code.co_filename.rsplit(os.sep, 1)[-1]
            places.append(f"{file}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    places.reverse()
    if len(places) > INNERMOST + OUTERMOST:
        places[INNERMOST:-OUTERMOST] = ["…"]
    message = str(error)[:LONGEST_MESSAGE]
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text(f"{said} at {' < '.join(places)}" if places else said)


def guarded(host: Host, method: Callable[[], Any]) -> Any:
    """Calls a method. What it did not mean to raise is logged before the component ends: the host quotes
    the last error of the log in the message of the fault."""
    close(host)
    try:
        return method()
    except Err:
        raise
    except BaseException as error:
        host.log("error", fault(error))
        # The trap of an exception that goes on would be one of printing it.
        os.abort()
