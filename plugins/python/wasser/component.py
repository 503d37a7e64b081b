"""The exports of a component, which call a Runtime. Only a component can import this."""

import json
from types import NoneType
from typing import Any, Callable

from componentize_py_types import Err
from wit_world.exports import migration
from wit_world.imports import wasser_runtime_types as types
from wit_world.imports import wasser_types_types as wit

from . import answers, errors
from .checked import require, text, to_json, wrong
from .context import Context
from .description import Description
from .imports import Imports
from .runtime import Runtime, methods
from .sandbox import guarded

HOST = Imports()


def wit_error(error: errors.Error) -> Any:
    """Returns an exception as the WIT has it."""
    match error:
        case errors.NotSupported():
            return wit.Error_NotSupported()
        case errors.Invalid():
            return wit.Error_InvalidSpec(wit.InvalidField(text(error.field), text(error.message)))
        case errors.RetryAfter() | errors.Throttled():
            return wit.Error_RetryAfter(wit.Delay(min(max(int(error.seconds), 0), 0xFFFFFFFF), text(error)))
        case errors.Conflict():
            return wit.Error_RetryAfter(wit.Delay(1, text(error)))
    return wit.Error_Failed(text(error))


def call(method: Callable[[], Any]) -> Any:
    """Calls a method, and returns its answer or its error."""

    def answer() -> Any:
        HOST.is_pending = False
        try:
            found = method()
        except BaseException as error:
            if not HOST.is_pending:
                if isinstance(error, errors.Error):
                    raise Err(wit_error(error)) from None
                raise
        # The host calls again, whatever the method has answered or raised.
        if HOST.is_pending:
            raise Err(wit.Error_Failed("the result is not there yet"))
        return found

    return guarded(HOST, answer)


def description(found: Description, has: list[str]) -> Any:
    """Returns what a runtime consists of as the WIT has it."""
    require("describe", found, Description)
    roles = [
        types.Role(
            name=role.name,
            workload=role.workload,
            suffix=role.suffix,
            container=role.container,
            needed_for_bound=role.needed_for_bound,
            starts_at_zero=role.starts_at_zero,
            replicas=role.replicas,
            default_replicas=role.default_replicas,
        )
        for role in found.roles
    ]
    return types.Description(
        name=found.name or found.engine,
        version=found.version,
        kind=found.kind,
        plural=found.plural,
        api_versions=found.api_versions,
        engine=found.engine,
        implementation=found.implementation,
        methods=has,
        roles=roles,
        fuse=types.Fuse(found.fuse.mount_type, found.fuse.directory),
        wants=[wit.Want(want.capability, want.scope) for want in found.wants],
    )


def measure(name: str, found: answers.Measure) -> Any:
    """Returns a quantity as the WIT has it."""
    match found:
        case answers.Bytes(value):
            return types.Measure_Bytes(value)
        case answers.Share(value):
            return types.Measure_Share(float(value))
        case answers.Unknown():
            return types.Measure_Unknown()
        case answers.Text(value):
            return types.Measure_Other(value)
    raise wrong(f"cache_states.{name}", found, "Bytes, Share, Unknown or Text")


def states(found: dict[str, answers.Measure]) -> Any:
    """Returns cache states as the WIT has them."""
    require("cache_states", found, dict)
    for name in found:
        require("a key of cache_states", name, str)
    return [types.CacheState(name, measure(name, value)) for name, value in found.items()]


def stats(found: answers.StorageStats) -> Any:
    """Returns sizes as the WIT has them."""
    require("storage_stats", found, answers.StorageStats)
    return types.StorageStats(found.used, found.free, found.total, found.total_files)


def mount(path: str, found: answers.Mount) -> Any:
    """Returns a mount as the WIT has it."""
    return types.Mount(found.path, to_json(f"{path}.spec", found.spec))


def mounts(path: str, found: list[answers.Mount]) -> Any:
    """Returns mounts as the WIT has them."""
    return [mount(f"{path}[{at}]", one) for at, one in enumerate(found)]


def change(found: answers.UfsChange) -> Any:
    """Returns the difference of mounts as the WIT has it."""
    require("should_update_ufs", found, answers.UfsChange)
    paths = {name: f"should_update_ufs.{name}" for name in ("added", "removed", "changed")}
    changed = [
        types.ChangedMount(*(mount(f"{paths['changed']}[{at}][{which}]", one) for which, one in enumerate(pair)))
        for at, pair in enumerate(found.changed)
    ]
    return types.UfsChange(mounts(paths["added"], found.added), mounts(paths["removed"], found.removed), changed)


def read_mount(found: Any) -> answers.Mount:
    """Returns a mount of the WIT."""
    return answers.Mount(found.path, json.loads(found.spec))


def read_change(found: Any) -> answers.UfsChange:
    """Returns the difference of mounts of the WIT."""
    changed = [(read_mount(one.old), read_mount(one.new)) for one in found.changed]
    return answers.UfsChange(
        [read_mount(one) for one in found.added], [read_mount(one) for one in found.removed], changed
    )


def read_origin(found: Any) -> answers.Origin:
    """Returns who has installed values."""
    match found:
        case migration.Origin_Plugin((name, version)):
            return answers.Origin("plugin", name, version)
        case migration.Origin_Fluid(version):
            return answers.Origin("fluid", "fluid", version)
    return answers.Origin("other", found.value, "")


def simple(name: str, kind: Any) -> Callable[[Any], Any]:
    """Returns the check of an answer that crosses as it is."""

    def check(found: Any) -> Any:
        require(name, found, kind)
        return found

    return check


# What becomes of the answer of each method.
ANSWERS: dict[str, Callable[[Any], Any]] = {
    "desired": lambda found: to_json("desired", found),
    "validate": simple("validate", NoneType),
    "check_ready": simple("check_ready", bool),
    "should_check_ufs": simple("should_check_ufs", bool),
    "prepare_ufs": simple("prepare_ufs", NoneType),
    "setup_workers": simple("setup_workers", NoneType),
    "sync_metadata": simple("sync_metadata", NoneType),
    "storage_stats": stats,
    "cache_states": states,
    "check_runtime_healthy": simple("check_runtime_healthy", NoneType),
    "should_update_ufs": change,
    "update_ufs": simple("update_ufs", bool),
    "sync_replicas": simple("sync_replicas", NoneType),
    "shutdown": simple("shutdown", NoneType),
}


def exports(runtime_class: type[Runtime]) -> dict[str, type]:
    """Returns the classes that componentize-py looks for, by name."""
    runtime = runtime_class()

    def exported(name: str, answer: Callable[[Any], Any]) -> Callable[..., Any]:
        method = getattr(runtime, name)
        if name == "update_ufs":
            return lambda _, ctx, wanted: call(lambda: answer(method(Context(ctx), HOST, read_change(wanted))))
        return lambda _, ctx, *rest: call(lambda: answer(method(Context(ctx), HOST, *rest)))

    def describe(_: Any) -> Any:
        # It has no errors that could be answered, so that each is a fault.
        return guarded(HOST, lambda: description(runtime.describe(), methods(runtime_class)))

    def data_operation(_: Any, ctx: Any, kind: str, operation: str) -> str:
        def plan() -> str:
            found = runtime.data_operation(Context(ctx), HOST, kind, json.loads(operation))
            return to_json("data_operation", found)

        return call(plan)

    def migrate(_: Any, installed: str, origin: Any) -> str:
        return call(lambda: to_json("migrate", runtime.migrate(json.loads(installed), read_origin(origin))))

    implement = {name: exported(name, answer) for name, answer in ANSWERS.items()}
    return {
        "Implement": type("Implement", (), {"describe": describe, **implement}),
        "Operations": type("Operations", (), {"data_operation": data_operation}),
        "Migration": type("Migration", (), {"migrate": migrate}),
    }
