"""Tests of a runtime in plain Python: a context of objects, and a host that answers from a script."""

import json
from types import SimpleNamespace
from typing import Any, Callable

from .context import Context, RoleStatus
from .conversation import converse
from .description import Want
from .errors import Conflict, HostError, NotFound
from .host import Command, Entry, Host, Level, Output, Pod, Response, Severity

__all__ = ["FakeHost", "context", "converse"]


def context(
    spec: dict[str, Any],
    dataset: dict[str, Any] | None = None,
    *,
    kind: str = "Runtime",
    name: str = "demo",
    namespace: str = "default",
    directory: str = "demo-fuse",
    images: dict[str, str] | None = None,
    settings: dict[str, str] | None = None,
    installed: dict[str, Any] | None = None,
    roles: dict[str, RoleStatus] | None = None,
    now_ms: int = 0,
    granted: list[Want] | None = None,
    dataset_status: dict[str, Any] | None = None,
    has_dataset: bool = True,
) -> Context:
    """Returns the context of a runtime with this spec, and of a Dataset with that one, or of one that is
    gone."""
    metadata = {"namespace": namespace, "name": name, "uid": "u1"}
    engine = directory.removesuffix("-fuse")
    whole = {"kind": "Dataset", "metadata": metadata, "spec": dataset or {}, "status": dataset_status or {}}
    facts = {
        "namespace": namespace,
        "name": name,
        "dataset_id": f"{namespace}-{name}",
        "runtime": json.dumps({"kind": kind, "metadata": metadata, "spec": spec}),
        "dataset": json.dumps(whole) if has_dataset else None,
        "mount_path": f"/runtime-mnt/{engine}/{namespace}/{name}/{directory}",
        "fuse_label": f"fluid.io/f-{namespace}-{name}",
        "images": list((images or {}).items()),
        "settings": list((settings or {}).items()),
        "installed": None if installed is None else json.dumps(installed),
        "roles": [
            SimpleNamespace(name=role, desired=status.desired, ready=status.ready)
            for role, status in (roles or {}).items()
        ],
        "now": now_ms,
        "granted": granted or [],
    }
    functions: Any = SimpleNamespace(**{fact: (lambda value=value: value) for fact, value in facts.items()})
    return Context(functions)


class FakeHost(Host):
    """A host that answers from a script, and remembers in `calls` what it was asked."""

    def __init__(
        self,
        pods: list[Pod] | None = None,
        on_exec: Callable[[Command], Output | HostError] | None = None,
        on_http: Callable[[str, int, str], Response] | None = None,
        objects: dict[tuple[str, str], dict[str, Any]] | None = None,
        secrets: dict[tuple[str, str], bytes] | None = None,
        first_port: int = 14000,
    ):
        self.calls: list[str] = []
        self._given = pods or []
        self._on_exec = on_exec
        self._on_http = on_http
        self._objects = objects or {}
        self._secrets = secrets or {}
        self._first_port = first_port
        self._kept: dict[str, Entry] = {}

    def _pods(self, role: str) -> list[Pod]:
        return [pod for pod in self._given if pod.role == role]

    def _exec_all(self, commands: list[Command]) -> list[Output | HostError]:
        self.calls += [f"exec {command.pod} {' '.join(command.argv)}" for command in commands]
        if self._on_exec is None:
            return [NotFound(command.pod) for command in commands]
        return [self._on_exec(command) for command in commands]

    def _http_get(self, pod: str, port: int, path: str, timeout: float | None) -> Response:
        self.calls.append(f"GET {pod}:{port}{path}")
        if self._on_http is None:
            raise NotFound(pod)
        return self._on_http(pod, port, path)

    def _secret(self, name: str, key: str) -> bytes | None:
        return self._secrets.get((name, key))

    def _object(self, kind: str, name: str) -> dict[str, Any] | None:
        return self._objects.get((kind, name))

    def _allocate_ports(self, names: list[str]) -> dict[str, int]:
        return {name: self._first_port + at for at, name in enumerate(names)}

    def _state(self, key: str) -> Entry | None:
        return self._kept.get(key)

    def _state_keys(self) -> list[str]:
        return sorted(self._kept)

    def _set_state(self, key: str, value: bytes, if_version: str | None) -> str:
        version = str(self._follow(key, if_version) + 1)
        self._kept[key] = Entry(value, version)
        return version

    def _remove_state(self, key: str, if_version: str) -> None:
        self._follow(key, if_version)
        del self._kept[key]

    def _follow(self, key: str, if_version: str | None) -> int:
        """Returns the number of a version, if it is that of the key."""
        there = self._kept.get(key)
        if (there and there.version) != if_version:
            raise Conflict(f"the key {key} has been set by somebody else")
        return int(if_version or 0)

    def _log(self, level: Level, message: str) -> None:
        self.calls.append(f"log {level} {message}")

    def _event(self, severity: Severity, reason: str, message: str) -> None:
        self.calls.append(f"event {severity} {reason} {message}")
