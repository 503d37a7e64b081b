"""What methods return."""

from dataclasses import field
from typing import Any

from .checked import checked


@checked
class Bytes:
    """A number of bytes: 1073741824 is shown as `1.00GiB`."""

    value: int


@checked
class Share:
    """A share of 1: 0.5 is shown as `50.0%`."""

    value: float


@checked
class Unknown:
    """Not known yet: an empty text."""


@checked
class Text:
    """A text, shown as it is."""

    value: str


Measure = Bytes | Share | Unknown | Text


@checked
class StorageStats:
    """The size of the file system below the cache."""

    used: int
    total: int
    total_files: int
    # None if the system has no limit, or does not know it.
    free: int | None = None


@checked
class Mount:
    """A data source at its place in the file system."""

    path: str
    # The entry of `Dataset.spec.mounts`.
    spec: dict[str, Any]


@checked
class UfsChange:
    """How the mounts that the Dataset wants differ from those that there are."""

    added: list[Mount] = field(default_factory=list)
    removed: list[Mount] = field(default_factory=list)
    # Each as it is, and as it is wanted.
    changed: list[tuple[Mount, Mount]] = field(default_factory=list)


@checked
class Origin:
    """Who has installed values."""

    # `plugin`, `fluid` or `other`.
    kind: str
    # The name of the plugin, or what is known of somebody else.
    name: str
    # The version of the plugin, or of Fluid's chart.
    version: str
