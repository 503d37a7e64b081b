"""The methods of a runtime."""

from typing import Any

from .answers import Measure, Origin, StorageStats, UfsChange
from .context import Context
from .description import Description
from .errors import NotSupported
from .host import Host


class Runtime:
    """A runtime. Only `describe` and `desired` are required; the host calls no other method that a
    class does not define, and does for those what is said under "Otherwise".

    A method raises `Invalid`, `RetryAfter` or `Failed` if it cannot do its work, and may raise
    `NotSupported` to leave one call to the host. Values and answers must be the same for the same
    context.
    """

    def describe(self) -> Description:
        """Returns what the runtime consists of."""
        raise NotImplementedError

    def desired(self, ctx: Context, host: Host) -> dict[str, Any]:
        """Returns the chart values that the runtime and the Dataset ask for."""
        raise NotImplementedError

    def validate(self, ctx: Context, host: Host) -> None:
        """Refuses a spec that cannot work. Otherwise: every spec is accepted."""
        raise NotSupported

    def check_ready(self, ctx: Context, host: Host, role: str) -> bool:
        """Returns whether a role serves. Otherwise: it does if one of its pods is ready."""
        raise NotSupported

    def should_check_ufs(self, ctx: Context, host: Host) -> bool:
        """Returns whether `prepare_ufs` is needed. Otherwise: it is not."""
        raise NotSupported

    def prepare_ufs(self, ctx: Context, host: Host) -> None:
        """Mounts the data sources into the cache system. Otherwise: nothing is mounted."""
        raise NotSupported

    def setup_workers(self, ctx: Context, host: Host) -> None:
        """Prepares the system before the workers are scaled up. Otherwise: nothing is prepared."""
        raise NotSupported

    def sync_metadata(self, ctx: Context, host: Host) -> None:
        """Makes the system read the metadata of its sources. Otherwise: nothing is read."""
        raise NotSupported

    def storage_stats(self, ctx: Context, host: Host) -> StorageStats:
        """Returns the size of the file system. Otherwise: the Dataset shows none."""
        raise NotSupported

    def cache_states(self, ctx: Context, host: Host) -> dict[str, Measure]:
        """Returns what `status.cacheStates` shows. Otherwise: nothing is shown."""
        raise NotSupported

    def check_runtime_healthy(self, ctx: Context, host: Host) -> None:
        """Fails if the system is not healthy. Otherwise: ready pods are."""
        raise NotSupported

    def should_update_ufs(self, ctx: Context, host: Host) -> UfsChange:
        """Returns how the wanted mounts differ from those that there are. Otherwise: not at all."""
        raise NotSupported

    def update_ufs(self, ctx: Context, host: Host, change: UfsChange) -> bool:
        """Changes the mounts, and returns whether all are as wanted. Otherwise: they are once the values
        are."""
        raise NotSupported

    def sync_replicas(self, ctx: Context, host: Host) -> None:
        """Adapts the system to another number of workers. Otherwise: nothing is adapted."""
        raise NotSupported

    def shutdown(self, ctx: Context, host: Host) -> None:
        """Tries once to empty the cache. Otherwise: nothing is emptied."""
        raise NotSupported

    def data_operation(self, ctx: Context, host: Host, kind: str, operation: dict[str, Any]) -> dict[str, Any]:
        """Returns the plan of a DataLoad, DataMigrate or DataBackup; docs/data-operations.md has its fields.
        Otherwise: a DataLoad reads the files through the volume, and the others are refused."""
        raise NotSupported

    def migrate(self, installed: dict[str, Any], origin: Origin) -> dict[str, Any]:
        """Returns the values that this version counts as installed where `origin` has installed these.
        Otherwise: they are left as they are."""
        raise NotSupported


# Those that are interfaces of their own, which the host always asks.
ALWAYS = ("describe", "desired", "data_operation", "migrate")
# The methods that a class may leave out, as the host calls them.
OPTIONAL = {
    name.replace("_", "-"): name
    for name, value in vars(Runtime).items()
    if not name.startswith("_") and callable(value) and name not in ALWAYS
}


def methods(runtime: type[Runtime]) -> list[str]:
    """Returns the optional methods that a class defines, as the host calls them."""
    return [called for called, name in OPTIONAL.items() if getattr(runtime, name) is not getattr(Runtime, name)]


# How many letters of a name may be wrong for it to be taken for that of a method.
MISSPELT = 2


def plain(name: str) -> str:
    """Returns a name as one compares them: `checkReady` is `check_ready`."""
    return name.replace("_", "").lower()


def distance(one: str, other: str) -> int:
    """Returns how many letters have to be added, removed or changed to make one name of another."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        above, row[0] = row[0], at
        for to, wanted in enumerate(other, 1):
            above, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, above + (letter != wanted))
    return row[-1]


def check_names(runtime: type[Runtime]) -> None:
    """Fails if a class has a method that nobody calls, and whose name is nearly that of one that the host
    calls."""
    known = [name for name, value in vars(Runtime).items() if not name.startswith("_") and callable(value)]
    found = {name: value for one in runtime.__mro__ if not issubclass(Runtime, one) for name, value in vars(one).items()}
    for name, value in found.items():
        if name in known or name.startswith("_") or not callable(value):
            continue
        for meant in known:
            if distance(plain(name), plain(meant)) <= MISSPELT:
                raise TypeError(
                    f"`{name}` of {runtime.__name__} is never called; the host calls `{meant}`. "
                    f"If it is something else, begin its name with `_`"
                )
