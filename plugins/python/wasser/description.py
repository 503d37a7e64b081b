"""What the host must know about a kind of runtime before it sees one."""

from dataclasses import field

from .checked import SmallCount, checked

API_VERSION = "data.fluid.io/v1alpha1"


@checked
class Role:
    """One part of the cache system: a workload that the chart renders."""

    # `master`, `worker` or `fuse`.
    name: str
    # `StatefulSet` or `DaemonSet`.
    workload: str
    # Makes the workload's name from that of the runtime: `-worker`.
    suffix: str
    # The container of its pods that a command reaches if the plugin names none.
    container: str
    # Whether one of its pods must be ready before the Dataset becomes Bound.
    needed_for_bound: bool = False
    # Whether the chart installs no replicas, so that the host scales the role up after placing it.
    starts_at_zero: bool = False
    # A JSON pointer to the number of replicas in the runtime; None if the workload decides.
    replicas: str | None = None
    # The number if the pointer finds nothing.
    default_replicas: SmallCount = 0

    @staticmethod
    def workers(container: str) -> "Role":
        """Returns workers in a StatefulSet `<name>-worker`, as many as `/spec/replicas` says."""
        return Role(
            name="worker",
            workload="StatefulSet",
            suffix="-worker",
            container=container,
            needed_for_bound=True,
            starts_at_zero=True,
            replicas="/spec/replicas",
        )

    @staticmethod
    def fuse(container: str) -> "Role":
        """Returns clients in a DaemonSet `<name>-fuse`, which come with the first pod that mounts."""
        return Role(name="fuse", workload="DaemonSet", suffix="-fuse", container=container)


@checked
class Fuse:
    """The client that mounts the file system on a node."""

    # The word that the mount's line in /proc/self/mountinfo contains, or a JSON pointer to it in the
    # values: `/fuse/mountType`.
    mount_type: str
    # The last element of the mount path: `example-fuse`.
    directory: str


@checked
class Want:
    """A capability that the plugin uses. It holds only if the registration grants it as well."""

    # `exec`, `http`, `secrets`, `objects`, `ports`, `state`, `events`, `kinds`, `rbac`, `fuse`,
    # `privileged`, `host-network`, `host-paths` or `system-priority`.
    capability: str
    # Roles for `exec`, `role:port` for `http`, kinds for `objects` and `kinds`, `resource:verb` for
    # `rbac`, directories for `host-paths`.
    scope: list[str] = field(default_factory=list)


@checked
class Description:
    """The answer of `describe`. The methods that the plugin has are found in its class."""

    # The kind that the plugin serves, and its resource name: `ExampleRuntime`, `exampleruntimes`.
    kind: str
    plural: str
    # The runtime type in events, statuses and mount paths: `example`.
    engine: str
    # The version of the plugin, of any form.
    version: str
    roles: list[Role]
    fuse: Fuse
    wants: list[Want] = field(default_factory=list)
    # The name of the plugin; None for that of the engine.
    name: str | None = None
    # The versions of the kind whose specs the plugin reads.
    api_versions: list[str] = field(default_factory=lambda: [API_VERSION])
    # Stands for the engine in labels of nodes where a system has several implementations.
    implementation: str | None = None
