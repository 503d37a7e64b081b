"""ExampleRuntime: which parts it consists of, and the values of its chart. The host does the rest."""

from typing import Any

import wasser
from wasser import Bytes, Context, Description, Failed, Fuse, Host, Invalid, Measure, Role, Want

# How long a command in a pod may take, in seconds.
PATIENCE = 5


class ExampleRuntime(wasser.Runtime):
    """The runtime."""

    def describe(self) -> Description:
        return Description(
            kind="ExampleRuntime",
            plural="exampleruntimes",
            engine="example",
            version="0.1.0",
            roles=[Role.workers("example-worker"), Role.fuse("example-fuse")],
            fuse=Fuse(mount_type="fuse.example", directory="example-fuse"),
            wants=[
                Want("kinds", ["StatefulSet", "DaemonSet"]),
                Want("exec", ["worker"]),
                Want("fuse"),
            ],
        )

    def validate(self, ctx: Context, host: Host) -> None:
        """Refuses what cannot work, and names field and remedy."""
        if not ctx.spec.text("cacheSize", "1Gi").strip():
            raise Invalid(
                "ExampleRuntime.spec.cacheSize",
                "is empty; give a size such as 1Gi, or leave the field out",
            )

    def desired(self, ctx: Context, host: Host) -> dict[str, Any]:
        """Returns the values that the spec asks for now, whether something is installed or not."""
        mounts = ctx.dataset.items("mounts")
        if not mounts:
            raise Invalid("Dataset.spec.mounts", "needs a mount")
        return {
            "source": mounts[0].text("mountPoint"),
            "image": ctx.image("worker"),
            "cacheSize": ctx.spec.text("cacheSize", "1Gi"),
            "mountPath": ctx.mount_path,
            "resources": ctx.spec.fields("resources").value,
            "fuseNodeSelector": {ctx.fuse_label: "true"},
        }

    def cache_states(self, ctx: Context, host: Host) -> dict[str, Measure]:
        """Asks each worker how much it has cached. A worker that does not answer now may do so later."""
        said = [host.run(pod.name, ["du", "-s", "-B1", "/cache"], PATIENCE) for pod in host.ready_pods("worker")]
        return {"cached": Bytes(sum(used(line) for line in said))}


def used(said: str) -> int:
    """Returns the bytes in a line of `du`."""
    first = said.split(maxsplit=1)[:1]
    if not first or not first[0].isdecimal():
        raise Failed(f"`du` says `{said}`, which begins with no number")
    return int(first[0])


wasser.export(ExampleRuntime)
