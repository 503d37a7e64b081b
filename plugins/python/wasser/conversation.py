"""Methods as the host calls them: once for each result that they wait for."""

from typing import Any, Callable, TypeVar

from .errors import Failed, HostError, Pending
from .host import Command, Entry, Host, Level, Output, Pod, Response, Severity

T = TypeVar("T")
# The most calls of one method.
MOST = 500


def converse(host: Host, method: Callable[[Host], T]) -> T:
    """Calls a method as the host does: each command and each request ends the call, and the next call knows
    its result. Returns the answer, which has to be that of a method which knows all results at once."""
    conversing = Conversing(host)
    for _ in range(MOST):
        conversing.begin()
        try:
            answer = method(conversing)
        except BaseException:
            if not conversing.is_pending:
                raise
        else:
            if not conversing.is_pending:
                return answer
    raise Failed(f"the method has no answer after {MOST} calls")


class Conversing(Host):
    """A host that ends the call with each new command and request."""

    def __init__(self, host: Host):
        self._host = host
        # What was asked and answered, and how often each was asked in this call.
        self._journal: dict[tuple[str, int], Any] = {}
        self._asked: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        """Begins a call."""
        self.is_pending = False
        self._asked = {}

    def _go_on(self) -> Host:
        if self.is_pending:
            raise Pending
        return self._host

    def _words(self, *asked: Any) -> tuple[str, int]:
        """Returns the words of a job, and how often this call has asked for it: the same is another job each
        time."""
        words = repr(asked)
        self._asked[words] = self._asked.get(words, -1) + 1
        return words, self._asked[words]

    def _pods(self, role: str) -> list[Pod]:
        return self._go_on().pods(role)

    def _exec_all(self, commands: list[Command]) -> list[Output | HostError]:
        self._go_on()
        jobs = [self._words("exec", command) for command in commands]
        new = [at for at, job in enumerate(jobs) if job not in self._journal]
        if new:
            found = self._host.exec_all([commands[at] for at in new])
            self._journal.update(zip([jobs[at] for at in new], found, strict=True))
            self.is_pending = True
            raise Pending
        return [self._journal[job] for job in jobs]

    def _http_get(self, pod: str, port: int, path: str, timeout: float | None) -> Response:
        self._go_on()
        job = self._words("get", pod, port, path, timeout)
        if job not in self._journal:
            try:
                self._journal[job] = self._host.http_get(pod, port, path, timeout)
            except HostError as error:
                self._journal[job] = error
            self.is_pending = True
            raise Pending
        found = self._journal[job]
        if isinstance(found, HostError):
            raise found
        response: Response = found
        return response

    def _secret(self, name: str, key: str) -> bytes | None:
        return self._go_on().secret(name, key)

    def _object(self, kind: str, name: str) -> dict[str, Any] | None:
        return self._go_on().object(kind, name)

    def _allocate_ports(self, names: list[str]) -> dict[str, int]:
        return self._go_on().allocate_ports(names)

    def _state(self, key: str) -> Entry | None:
        return self._go_on().state(key)

    def _state_keys(self) -> list[str]:
        return self._go_on().state_keys()

    def _set_state(self, key: str, value: bytes, if_version: str | None) -> str:
        return self._go_on().set_state(key, value, if_version)

    def _remove_state(self, key: str, if_version: str) -> None:
        self._go_on().remove_state(key, if_version)

    def _log(self, level: Level, message: str) -> None:
        job = self._words("log", level, message)
        if not self.is_pending and job not in self._journal:
            self._journal[job] = None
            self._host.log(level, message)

    def _event(self, severity: Severity, reason: str, message: str) -> None:
        host = self._go_on()
        job = self._words("event", severity, reason, message)
        if job not in self._journal:
            host.event(severity, reason, message)
            self._journal[job] = None
