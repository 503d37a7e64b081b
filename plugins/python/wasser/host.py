"""What a plugin can ask of the host. Each function needs its capability, wanted and granted."""

from dataclasses import dataclass, field
from typing import Any, Literal

from .checked import ExitCode, Port, Seconds, checked, require, text
from .errors import Failed, HostError, TimedOut


# How a command ends that takes too long, and one that writes too much.
TIMED_OUT = "did not finish in time"
CUT_OFF = "wrote more than the limit, and was cut off"


@dataclass(frozen=True)
class Pod:
    """A pod of the runtime."""

    name: str
    role: str
    node: str = ""
    ip: str = ""
    ready: bool = True
    # When the latest of its running containers started, in milliseconds since 1970; 0 while none runs.
    started_at: int = 0


@checked
class Command:
    """A command in a pod, for `exec_all`."""

    pod: str
    argv: list[str]
    # In seconds; None for as long as the call lasts.
    timeout: Seconds | None = None
    # None for the container of the role.
    container: str | None = None
    stdin: bytes | None = None


@checked
class Output:
    """What a command wrote, however it ended."""

    # The exit code; None if it did not end by itself.
    code: ExitCode | None
    # The first bytes of each, up to the limit of the registration.
    stdout: bytes = b""
    stderr: bytes = b""
    # How it ended if there is no exit code.
    ending: str = "exited"
    # Whether there was more standard output, and more standard error.
    truncated: bool = False
    stderr_truncated: bool = False

    def said(self) -> str:
        """Returns standard output without surrounding white space, if the command ended by itself and
        standard output is whole."""
        if self.code is None and self.ending == TIMED_OUT:
            raise TimedOut
        if self.code is None and self.ending != CUT_OFF:
            raise HostError(self.ending)
        if self.truncated:
            raise HostError(f"the output is longer than `limits.output` of the registration, {len(self.stdout)} bytes")
        if self.code is None:
            raise HostError("it writes errors without end")
        return self.stdout.decode(errors="replace").strip()


@dataclass(frozen=True)
class Response:
    """An answer over HTTP. Redirects are not followed."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    truncated: bool = False


@dataclass(frozen=True)
class Entry:
    """A value that outlives a call. The version names it, for a write that follows it."""

    value: bytes
    version: str


Level = Literal["debug", "info", "warn", "error"]
Severity = Literal["Normal", "Warning"]


class Host:
    """The host's functions. `run`, `exec`, `exec_all` and `http_get` end the call: the method is called
    again with the result, so it is written as if the result were there at once, and may do again
    what it does before.

    Each function checks what it is given, in tests as in a component, and leaves the rest to that of the
    same name with `_`.
    """

    def pods(self, role: str) -> list[Pod]:
        """Returns the pods of a role. Needs `exec` or `http` for it."""
        require("role", role, str)
        return self._pods(role)

    def exec_all(self, commands: list[Command]) -> list[Output | HostError]:
        """Runs commands at the same time. Needs `exec` for the roles of their pods."""
        require("commands", commands, list[Command])
        return self._exec_all(commands)

    def http_get(self, pod: str, port: int, path: str, timeout: float | None = None) -> Response:
        """Sends GET to a pod. Needs `http` for role and port."""
        require("pod", pod, str)
        require("port", port, Port)
        require("path", path, str)
        require("timeout", timeout, Seconds | None)
        return self._http_get(pod, port, path, timeout)

    def secret(self, name: str, key: str) -> bytes | None:
        """Returns a value of a Secret; None if there is none. Needs `secrets`."""
        require("name", name, str)
        require("key", key, str)
        return self._secret(name, key)

    def object(self, kind: str, name: str) -> dict[str, Any] | None:
        """Returns an object of the runtime's namespace; None if there is none. Needs `objects`."""
        require("kind", kind, str)
        require("name", name, str)
        return self._object(kind, name)

    def allocate_ports(self, names: list[str]) -> dict[str, int]:
        """Returns a host port for each name, the same each time. Needs `ports`."""
        require("names", names, list[str])
        return self._allocate_ports(names)

    def state(self, key: str) -> Entry | None:
        """Returns the value of a key that outlives a call. Needs `state`."""
        require("key", key, str)
        return self._state(key)

    def state_keys(self) -> list[str]:
        """Returns the keys that have a value. Needs `state`."""
        return self._state_keys()

    def set_state(self, key: str, value: bytes, if_version: str | None = None) -> str:
        """Sets a key that has the value of this version, or none yet; else raises Conflict. Returns the
        new version. Needs `state`."""
        require("key", key, str)
        require("value", value, bytes)
        require("if_version", if_version, str | None)
        return self._set_state(key, value, if_version)

    def remove_state(self, key: str, if_version: str) -> None:
        """Removes a key that has the value of this version. Needs `state`."""
        require("key", key, str)
        require("if_version", if_version, str)
        self._remove_state(key, if_version)

    def log(self, level: Level, message: str) -> None:
        """Writes a line to the host's log."""
        require("level", level, Level)
        self._log(level, text(message))

    def event(self, severity: Severity, reason: str, message: str) -> None:
        """Publishes an event on the runtime; the reason is a word in CamelCase. Needs `events`."""
        require("severity", severity, Severity)
        require("reason", reason, str)
        self._event(severity, reason, text(message))

    def ready_pods(self, role: str) -> list[Pod]:
        """Returns the pods of a role whose containers are all ready."""
        return [pod for pod in self.pods(role) if pod.ready]

    def exec(self, command: Command) -> Output:
        """Runs a command, and returns what it wrote, however it ended."""
        [result] = self.exec_all([command])
        if isinstance(result, HostError):
            raise result
        return result

    def run(self, pod: str, argv: list[str], timeout: float | None = None) -> str:
        """Runs a command to its end, and returns its standard output without surrounding white space. Any
        other ending than the exit code 0 is a failure that quotes standard error."""
        command = Command(pod, argv, timeout)
        try:
            output = self.exec(command)
            said = output.said()
        except HostError as error:
            kind = TimedOut if isinstance(error, TimedOut) else Failed
            raise kind(f"`{' '.join(argv)}` in pod {pod}: {error}") from error
        if output.code != 0:
            lines = output.stderr.decode(errors="replace").strip().splitlines()
            last = lines[-1] if lines else "nothing on standard error"
            raise Failed(f"`{' '.join(argv)}` in pod {pod}: exit code {output.code}: {last}")
        return said

    def _pods(self, role: str) -> list[Pod]:
        raise NotImplementedError

    def _exec_all(self, commands: list[Command]) -> list[Output | HostError]:
        raise NotImplementedError

    def _http_get(self, pod: str, port: int, path: str, timeout: float | None) -> Response:
        raise NotImplementedError

    def _secret(self, name: str, key: str) -> bytes | None:
        raise NotImplementedError

    def _object(self, kind: str, name: str) -> dict[str, Any] | None:
        raise NotImplementedError

    def _allocate_ports(self, names: list[str]) -> dict[str, int]:
        raise NotImplementedError

    def _state(self, key: str) -> Entry | None:
        raise NotImplementedError

    def _state_keys(self) -> list[str]:
        raise NotImplementedError

    def _set_state(self, key: str, value: bytes, if_version: str | None) -> str:
        raise NotImplementedError

    def _remove_state(self, key: str, if_version: str) -> None:
        raise NotImplementedError

    def _log(self, level: Level, message: str) -> None:
        raise NotImplementedError

    def _event(self, severity: Severity, reason: str, message: str) -> None:
        raise NotImplementedError
