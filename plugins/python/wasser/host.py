"""What a plugin can ask of the host. Each function needs its capability, wanted and granted."""

from dataclasses import dataclass, field
from typing import Any

from .errors import Failed, HostError, TimedOut


@dataclass(frozen=True)
class Pod:
    """A pod of the runtime."""

    name: str
    role: str
    node: str = ""
    ip: str = ""
    ready: bool = True
    # In milliseconds since 1970; 0 before its first container has started.
    started_at: int = 0


@dataclass(frozen=True)
class Command:
    """A command in a pod, for `exec_all`."""

    pod: str
    argv: list[str]
    # In seconds; None for as long as the call lasts.
    timeout: float | None = None
    # None for the container of the role.
    container: str | None = None
    stdin: bytes | None = None


@dataclass(frozen=True)
class Output:
    """What a command wrote, however it ended."""

    # The exit code; None if it did not end by itself.
    code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    # How it ended if there is no exit code: `timed out`, `cut off`.
    ending: str = "exited"
    # Whether more was written than the limit of the registration.
    truncated: bool = False


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


class Host:
    """The host's functions. `run`, `exec`, `exec_all` and `http_get` end the call: the method is called
    again with the result, so it is written as if the result were there at once, and may do again
    what it does before."""

    def pods(self, role: str) -> list[Pod]:
        """Returns the pods of a role. Needs `exec` or `http` for it."""
        raise NotImplementedError

    def exec_all(self, commands: list[Command]) -> list[Output | HostError]:
        """Runs commands at the same time. Needs `exec` for the roles of their pods."""
        raise NotImplementedError

    def http_get(self, pod: str, port: int, path: str, timeout: float | None = None) -> Response:
        """Sends GET to a pod. Needs `http` for role and port."""
        raise NotImplementedError

    def secret(self, name: str, key: str) -> bytes | None:
        """Returns a value of a Secret; None if there is none. Needs `secrets`."""
        raise NotImplementedError

    def object(self, kind: str, name: str) -> dict[str, Any] | None:
        """Returns an object of the runtime's namespace; None if there is none. Needs `objects`."""
        raise NotImplementedError

    def allocate_ports(self, names: list[str]) -> dict[str, int]:
        """Returns a host port for each name, the same each time. Needs `ports`."""
        raise NotImplementedError

    def state(self, key: str) -> Entry | None:
        """Returns the value of a key that outlives a call. Needs `state`."""
        raise NotImplementedError

    def state_keys(self) -> list[str]:
        """Returns the keys that have a value. Needs `state`."""
        raise NotImplementedError

    def set_state(self, key: str, value: bytes, if_version: str | None = None) -> str:
        """Sets a key that has the value of this version, or none yet; else raises Conflict. Returns the
        new version. Needs `state`."""
        raise NotImplementedError

    def remove_state(self, key: str, if_version: str) -> None:
        """Removes a key that has the value of this version. Needs `state`."""
        raise NotImplementedError

    def log(self, level: str, message: str) -> None:
        """Writes a line to the host's log: `debug`, `info`, `warn` or `error`."""
        raise NotImplementedError

    def event(self, severity: str, reason: str, message: str) -> None:
        """Publishes an event on the runtime: `Normal` or `Warning`, and a word in CamelCase. Needs
        `events`."""
        raise NotImplementedError

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
        """Runs a command to its end, and returns its standard output. Any exit code but 0 is a failure
        that quotes standard error."""
        said = f"`{' '.join(argv)}` in pod {pod}"
        try:
            output = self.exec(Command(pod, argv, timeout))
        except HostError as error:
            raise Failed(f"{said}: {error}") from error
        if output.code is None:
            raise TimedOut(f"{said}: {output.ending}")
        if output.truncated:
            raise Failed(f"{said} writes more than `limits.output` of the registration")
        if output.code != 0:
            lines = output.stderr.decode(errors="replace").splitlines()
            last = lines[-1] if lines else "nothing on standard error"
            raise Failed(f"{said}: exit code {output.code}: {last}")
        return output.stdout.decode(errors="replace")
