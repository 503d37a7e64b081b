"""The imports of a component, as its methods see them. Only a component can import this."""

import json
from typing import Any, Callable

from componentize_py_types import Err
from wit_world.imports import events, exec, http, jobs, log, objects, pods, ports, secrets, state
from wit_world.imports import wasser_types_types as wit

from . import errors
from .checked import text
from .host import Command, Entry, Host, Output, Pod, Response

LEVELS = {level.name.lower(): level for level in log.Level}
SEVERITIES = {severity.name.capitalize(): severity for severity in events.Severity}


def host_error(error: Any) -> errors.HostError:
    """Returns what the host answers as an exception."""
    match error:
        case wit.HostError_NotGranted(what):
            return errors.NotGranted(f"the plugin may not do this: {what}")
        case wit.HostError_NotFound(what):
            return errors.NotFound(f"not found: {what}")
        case wit.HostError_Conflict(message):
            return errors.Conflict(message)
        case wit.HostError_Throttled(delay):
            return errors.Throttled(delay.seconds, delay.message)
        case wit.HostError_Timeout():
            return errors.TimedOut()
        case wit.HostError_Failed(message):
            return errors.HostError(message)
        case wit.HostError_Other((code, message)):
            return errors.HostError(f"{code}: {message}")
    return errors.HostError(str(error))


def asked(function: Callable[..., Any], *arguments: Any) -> Any:
    """Asks the host for something that it has at once."""
    try:
        return function(*arguments)
    except Err as error:
        raise host_error(error.value) from None


def millis(seconds: float | None) -> int | None:
    """Returns seconds as the WIT has them."""
    return None if seconds is None else min(int(seconds * 1000), 0xFFFFFFFF)


def result(found: Any) -> Any:
    """Returns the result of a job, or None if it is not there yet."""
    if found is None or not hasattr(found, "value"):
        return found
    return host_error(found.value) if isinstance(found, Err) else found.value


class Imports(Host):
    """The imports of the component."""

    def pods(self, role: str) -> list[Pod]:
        found = asked(pods.list, role)
        return [Pod(pod.name, pod.role, pod.node, pod.ip, pod.ready, pod.started_at) for pod in found]

    def exec_all(self, commands: list[Command]) -> list[Output | errors.HostError]:
        found = [
            result(
                jobs.run(
                    exec.Command(command.pod, command.container, command.argv, command.stdin, millis(command.timeout))
                )
            )
            for command in commands
        ]
        if any(one is None for one in found):
            raise errors.Pending
        return [one if isinstance(one, errors.HostError) else output(one) for one in found]

    def http_get(self, pod: str, port: int, path: str, timeout: float | None = None) -> Response:
        found = result(jobs.send(http.Request(pod, port, "GET", path, [], None, millis(timeout))))
        if found is None:
            raise errors.Pending
        if isinstance(found, errors.HostError):
            raise found
        return Response(found.status, found.body, found.headers, found.truncated)

    def secret(self, name: str, key: str) -> bytes | None:
        return asked(secrets.get, name, key)

    def object(self, kind: str, name: str) -> dict[str, Any] | None:
        text = asked(objects.get, kind, name)
        return None if text is None else json.loads(text)

    def allocate_ports(self, names: list[str]) -> dict[str, int]:
        return dict(asked(ports.allocate, names))

    def state(self, key: str) -> Entry | None:
        entry = asked(state.get, key)
        return None if entry is None else Entry(entry.value, entry.version)

    def state_keys(self) -> list[str]:
        return asked(state.keys)

    def set_state(self, key: str, value: bytes, if_version: str | None = None) -> str:
        return asked(state.set, key, value, if_version)

    def remove_state(self, key: str, if_version: str) -> None:
        asked(state.remove, key, if_version)

    def log(self, level: str, message: str) -> None:
        log.log(LEVELS[level], text(message))

    def event(self, severity: str, reason: str, message: str) -> None:
        asked(events.publish, SEVERITIES[severity], text(reason), text(message))


def output(found: Any) -> Output:
    """Returns what a command wrote."""
    code, ending = None, "exited"
    match found.ending:
        case exec.Ending_Exited(value):
            code = value
        case exec.Ending_TimedOut():
            ending = "did not finish in time"
        case exec.Ending_CutOff():
            ending = "wrote more than the limit, and was cut off"
        case exec.Ending_Other(why):
            ending = why
    truncated = found.stdout.truncated or found.stderr.truncated
    return Output(code, found.stdout.bytes, found.stderr.bytes, ending, truncated)
