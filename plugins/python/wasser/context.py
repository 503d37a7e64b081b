"""What the host knows of the runtime that a method is called for."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast

from .checked import shown
from .description import Want
from .errors import Failed, Invalid

T = TypeVar("T")


@dataclass(frozen=True)
class RoleStatus:
    """How many pods of a role there are."""

    desired: int
    ready: int


class Fields:
    """An object that a user has written. What has another type than expected is refused by its path.

    A field that is null counts as left out.
    """

    def __init__(self, path: str, value: Any):
        self.path = path
        self.value: dict[str, Any] = {} if value is None else value
        if not isinstance(self.value, dict):
            raise Invalid(path, "must be an object")

    def text(self, name: str, default: str | None = None) -> str:
        """Returns a text. One that is missing is refused if there is no default."""
        return self._read(name, str, "a text", default)

    def optional_text(self, name: str) -> str | None:
        """Returns a text, or None if it is missing."""
        return None if self.value.get(name) is None else self.text(name)

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        """Returns a list of texts. One that is missing is refused if there is no default."""
        found = self._read(name, list, "a list of texts", default)
        for at, item in enumerate(found):
            if not isinstance(item, str):
                raise Invalid(f"{self.path}.{name}[{at}]", "must be a text")
        return found

    def number(self, name: str, default: float | None = None) -> float:
        """Returns a number, whole or not."""
        return float(self._read(name, (int, float), "a number", default))

    def integer(self, name: str, default: int | None = None) -> int:
        """Returns a whole number."""
        return self._read(name, int, "a whole number", default)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Returns true or false."""
        return self._read(name, bool, "true or false", default)

    def fields(self, name: str) -> "Fields":
        """Returns an object, which is empty if it is missing."""
        return Fields(f"{self.path}.{name}", self.value.get(name))

    def items(self, name: str) -> list["Fields"]:
        """Returns a list of objects, which is empty if it is missing."""
        found = self._read(name, list, "a list", [])
        return [Fields(f"{self.path}.{name}[{at}]", item) for at, item in enumerate(found)]

    def _read(self, name: str, kind: type[T] | tuple[type[T], ...], called: str, default: T | None) -> T:
        def fits(value: Any) -> bool:
            # A bool is an int for Python, and not for the user.
            return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))

        if default is not None and not fits(default):
            raise TypeError(f"the default of {self.path}.{name} is {shown(default)}, and must be {called}")
        value = self.value.get(name)
        if value is None:
            value = default
        if fits(value):
            return cast(T, value)
        wrong = "is missing; give" if value is None else "must be"
        raise Invalid(f"{self.path}.{name}", f"{wrong} {called}")


class Facts(Protocol):
    """The resource of `wasser:context`, a function for each fact."""

    def namespace(self) -> str: ...
    def name(self) -> str: ...
    def dataset_id(self) -> str: ...
    def runtime(self) -> str: ...
    def dataset(self) -> str | None: ...
    def mount_path(self) -> str: ...
    def fuse_label(self) -> str: ...
    def images(self) -> list[tuple[str, str]]: ...
    def settings(self) -> list[tuple[str, str]]: ...
    def installed(self) -> str | None: ...
    def roles(self) -> list[Any]: ...
    def now(self) -> int: ...

    def granted(self) -> list[Any]: ...


class Context:
    """The runtime, and what belongs to it. Each fact is asked for when it is first read."""

    def __init__(self, facts: Facts):
        self.facts = facts

    @cached_property
    def namespace(self) -> str:
        """Namespace of the runtime and of its Dataset."""
        return self.facts.namespace()

    @cached_property
    def name(self) -> str:
        """Name of the runtime and of its Dataset."""
        return self.facts.name()

    @cached_property
    def dataset_id(self) -> str:
        """The value of the label `fluid.io/dataset-id`."""
        return self.facts.dataset_id()

    @cached_property
    def runtime(self) -> dict[str, Any]:
        """The whole runtime object."""
        runtime: dict[str, Any] = json.loads(self.facts.runtime())
        return runtime

    @cached_property
    def spec(self) -> Fields:
        """The spec of the runtime."""
        return Fields(f"{self.runtime.get('kind')}.spec", self.runtime.get("spec"))

    @cached_property
    def has_dataset(self) -> bool:
        """Whether the Dataset is there; only `shutdown` can find that it is not."""
        return self.facts.dataset() is not None

    @cached_property
    def dataset_object(self) -> dict[str, Any] | None:
        """The whole Dataset, with metadata and status; None once it is gone."""
        text = self.facts.dataset()
        return None if text is None else json.loads(text)

    @cached_property
    def dataset(self) -> Fields:
        """The spec of the Dataset."""
        if self.dataset_object is None:
            raise Failed("the Dataset is gone")
        return Fields("Dataset.spec", self.dataset_object.get("spec"))

    @cached_property
    def mount_path(self) -> str:
        """Where the client mounts the file system on a node."""
        return self.facts.mount_path()

    @cached_property
    def fuse_label(self) -> str:
        """The node label that brings a client to a node, with the value `true`."""
        return self.facts.fuse_label()

    @cached_property
    def images(self) -> dict[str, str]:
        """Images by role, as the registration lists them."""
        return dict(self.facts.images())

    def image(self, role: str) -> str:
        """Returns the image of a role, or fails with what the registration lacks."""
        if role not in self.images:
            raise Failed(f"the registration lists no image `{role}`")
        return self.images[role]

    @cached_property
    def settings(self) -> dict[str, str]:
        """Settings of the installation, as the registration lists them."""
        return dict(self.facts.settings())

    @cached_property
    def installed(self) -> dict[str, Any] | None:
        """The values that are installed; None before the first installation."""
        text = self.facts.installed()
        return None if text is None else json.loads(text)

    @cached_property
    def roles(self) -> dict[str, RoleStatus]:
        """The pods of the roles, as last seen."""
        return {role.name: RoleStatus(role.desired, role.ready) for role in self.facts.roles()}

    @cached_property
    def now_ms(self) -> int:
        """The time in milliseconds since 1970, the same for all calls of a reconcile."""
        return self.facts.now()

    @cached_property
    def granted(self) -> list[Want]:
        """The capabilities that hold: those that `describe` wants and the registration grants."""
        return [Want(want.capability, list(want.scope)) for want in self.facts.granted()]

    def is_granted(self, capability: str, scope: str | None = None) -> bool:
        """Returns whether a capability holds, for this scope if it has scopes."""
        return any(want.capability == capability and scope in (None, *want.scope) for want in self.granted)
