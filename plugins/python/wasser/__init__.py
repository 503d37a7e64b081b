"""The SDK for runtimes of Wasser in Python.

A runtime is a subclass of `Runtime`, which `export` makes the component of. Everything but
`component`, `imports` and `sandbox` is plain Python, so that a runtime can be tested without a component.
"""

import sys

from .answers import Bytes, Measure, Mount, Origin, Share, StorageStats, Text, UfsChange, Unknown
from .context import Context, Fields, RoleStatus
from .description import Description, Fuse, Role, Want
from .errors import (
    Conflict,
    Error,
    Failed,
    HostError,
    Invalid,
    NotFound,
    NotGranted,
    NotSupported,
    RetryAfter,
    Throttled,
    TimedOut,
)
from .host import Command, Entry, Host, Output, Pod, Response
from .runtime import Runtime, check_names, methods

__all__ = [
    "Bytes",
    "Command",
    "Conflict",
    "Context",
    "Description",
    "Entry",
    "Error",
    "Failed",
    "Fields",
    "Fuse",
    "Host",
    "HostError",
    "Invalid",
    "Measure",
    "Mount",
    "NotFound",
    "NotGranted",
    "NotSupported",
    "Origin",
    "Output",
    "Pod",
    "Response",
    "RetryAfter",
    "Role",
    "RoleStatus",
    "Runtime",
    "Share",
    "StorageStats",
    "Text",
    "Throttled",
    "TimedOut",
    "UfsChange",
    "Unknown",
    "Want",
    "export",
    "methods",
]


def export(runtime: type[Runtime]) -> None:
    """Makes the module of a runtime a component where it is built as one. Everywhere, it fails if a name of
    a method is misspelt."""
    check_names(runtime)
    if sys.platform == "wasi":
        from . import component

        vars(sys.modules[runtime.__module__]).update(component.exports(runtime))
