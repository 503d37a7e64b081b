"""The imports of a component, as its methods see them. Only a component can import this."""

import json
from typing import Any, Callable

from componentize_py_types import Err
from wit_world.imports import events, exec, http, jobs, log, objects, pods, ports, secrets, state
from wit_world.imports import wasser_types_types as wit

from . import errors
from .host import CUT_OFF, TIMED_OUT, Command, Entry, Host, Level, Output, Pod, Response, Severity

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


def millis(seconds: float | None) -> int | None:
    """Returns seconds as the WIT has them."""
    return None if seconds is None else min(int(seconds * 1000), 0xFFFFFFFF)


class Imports(Host):
    """The imports of the component."""

    # Whether a result of this call is not there yet. Nothing that the call does from then on has an
    # effect, since it does not know how to go on.
    is_pending = False

    def _pods(self, role: str) -> list[Pod]:
        found = self._ask(pods.list, role)
        return [Pod(pod.name, pod.role, pod.node, pod.ip, pod.ready, pod.started_at) for pod in found]

    def _exec_all(self, commands: list[Command]) -> list[Output | errors.HostError]:
        wanted = [
            exec.Command(command.pod, command.container, command.argv, command.stdin, millis(command.timeout))
            for command in commands
        ]
        found = self._results([self._ask(jobs.run, command) for command in wanted])
        return [one if isinstance(one, errors.HostError) else output(one) for one in found]

    def _http_get(self, pod: str, port: int, path: str, timeout: float | None) -> Response:
        request = http.Request(pod, port, "GET", path, [], None, millis(timeout))
        [found] = self._results([self._ask(jobs.send, request)])
        if isinstance(found, errors.HostError):
            raise found
        return Response(found.status, found.body, found.headers, found.truncated)

    def _secret(self, name: str, key: str) -> bytes | None:
        return self._ask(secrets.get, name, key)

    def _object(self, kind: str, name: str) -> dict[str, Any] | None:
        text = self._ask(objects.get, kind, name)
        return None if text is None else json.loads(text)

    def _allocate_ports(self, names: list[str]) -> dict[str, int]:
        return dict(self._ask(ports.allocate, names))

    def _state(self, key: str) -> Entry | None:
        entry = self._ask(state.get, key)
        return None if entry is None else Entry(entry.value, entry.version)

    def _state_keys(self) -> list[str]:
        return self._ask(state.keys)

    def _set_state(self, key: str, value: bytes, if_version: str | None) -> str:
        return self._ask(state.set, key, value, if_version)

    def _remove_state(self, key: str, if_version: str) -> None:
        self._ask(state.remove, key, if_version)

    def _log(self, level: Level, message: str) -> None:
        if not self.is_pending:
            log.log(LEVELS[level], message)

    def _event(self, severity: Severity, reason: str, message: str) -> None:
        self._ask(events.publish, SEVERITIES[severity], reason, message)

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Asks the host for something."""
        if self.is_pending:
            raise errors.Pending
        try:
            return function(*arguments)
        except Err as error:
            raise host_error(error.value) from None

    def _results(self, found: list[Any]) -> list[Any]:
        """Returns the results of jobs, if all are there."""
        if self.is_pending or any(one is None for one in found):
            self.is_pending = True
            raise errors.Pending
        return [host_error(one.value) if isinstance(one, Err) else getattr(one, "value", one) for one in found]


def output(found: Any) -> Output:
    """Returns what a command wrote."""
    code, ending = None, "exited"
    match found.ending:
        case exec.Ending_Exited(value):
            code = value
        case exec.Ending_TimedOut():
            ending = TIMED_OUT
        case exec.Ending_CutOff():
            ending = CUT_OFF
        case exec.Ending_Other(why):
            ending = why
    stdout, stderr = found.stdout, found.stderr
    return Output(code, stdout.bytes, stderr.bytes, ending, stdout.truncated, stderr.truncated)
