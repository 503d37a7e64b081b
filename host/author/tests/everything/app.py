"""A runtime that has every method, uses every function of the host, and makes every kind of mistake."""

import dataclasses
import json
import logging
import os
import random
import secrets
import time
import uuid
from typing import Any

import template
import wasser
from wasser import Bytes, Command, Conflict, Mount, NotGranted, Share, StorageStats, Text, UfsChange, Unknown, Want

WANTS = [
    Want("http", ["worker:9000"]),
    Want("objects", ["ConfigMap"]),
    Want("secrets"),
    Want("ports"),
    Want("state"),
    Want("events"),
]


def deep(level: int) -> int:
    return deep(level + 1) + 1


def mistake(name: str) -> Any:
    match name:
        case "broken":
            raise KeyError(f"nobody expected {name}")
        case "deep":
            return deep(0)
        case "late-import":
            import calendar

            return calendar
        case "clock":
            return time.time()
        case "file":
            return open("/etc/hostname")
        case "sleep":
            time.sleep(1)
        case "exit":
            raise SystemExit(1)
        case "type":
            return Bytes(1.5)
        case "half":
            raise wasser.Failed("half a character: \ud800.")
        case "process-time":
            return time.process_time()
        case "local-time":
            return time.strftime("%Y")
        case "urandom":
            return os.urandom(1)
        case "uuid":
            return uuid.uuid4()
        case "secrets":
            return secrets.token_hex()
        case "seed":
            return random.Random()
        case "seed-again":
            return random.seed()
        case "environment":
            raise wasser.Failed(f"the environment is {dict(os.environ)} and {os.getenv('HOME')}")
        case "in-python":
            return json.loads("{")
        case "async":
            return later()
        case "generator":
            return (1 for _ in "a")


async def later() -> None:
    """Runs only if somebody waits for it."""


# Answers of `desired` that cannot cross.
VALUES = {
    "set": {"a": [{1}]},
    "key": {"a": {1: 2}},
    "nan": {"a": float("nan")},
    "surrogate": {"a": "\ud800"},
}
# What no function of the host takes.
ASKED = {
    "argv": lambda host: host.run("demo-worker-0", "du"),
    "stdin": lambda host: host.exec(Command("demo-worker-0", ["cat"], stdin="text")),
    "state": lambda host: host.set_state("a", "1"),
    "port": lambda host: host.http_get("demo-worker-0", 70000, "/"),
}


class Everything(template.MyCacheRuntime):
    def describe(self) -> wasser.Description:
        found = super().describe()
        return dataclasses.replace(found, wants=[*found.wants, *WANTS])

    def validate(self, ctx, host):
        super().validate(ctx, host)
        print("written to", "the log")
        logging.getLogger("app").info("written %s", "to the log as well")
        random.seed(a=5)
        assert random.Random(5).random() == random.random()
        assert time.gmtime(ctx.now_ms / 1000).tm_year >= 1970
        if ctx.name in ASKED:
            ASKED[ctx.name](host)
        found = mistake(ctx.name)
        # What a method makes of its context is nothing that the next one sees.
        ctx.spec.value["cacheSize"] = "77Gi"
        return found

    def desired(self, ctx, host):
        # Whole numbers are those of the spec, however large.
        return VALUES.get(ctx.name) or {**super().desired(ctx, host), "bytes": ctx.spec.value.get("bytes", 0)}

    def check_ready(self, ctx, host, role):
        return ctx.roles[role].ready == 1

    def should_check_ufs(self, ctx, host):
        return host.http_get("demo-worker-0", 9000, "/ready", 2).status == 200

    def prepare_ufs(self, ctx, host):
        host.log("info", host.http_get("demo-worker-0", 9000, "/ready").body.decode())
        host.event("Normal", "Prepared", "it is prepared")

    def setup_workers(self, ctx, host):
        version = host.set_state("a", b"1")
        try:
            host.set_state("a", b"2")
        except Conflict:
            version = host.set_state("a", b"3", version)
        kept = host.state("a")
        assert kept.value == b"3" and kept.version == version and host.state_keys() == ["a"]
        host.remove_state("a", version)
        assert host.state("a") is None

    def sync_metadata(self, ctx, host):
        assert host.object("ConfigMap", "settings")["data"] == {"a": "b"}
        assert host.object("ConfigMap", "nothing") is None
        assert host.secret("key", "password") == b"secret" and host.secret("key", "other") is None
        try:
            host.object("Pod", "demo-worker-0")
        except NotGranted:
            return
        raise AssertionError("a Pod was not wanted")

    def storage_stats(self, ctx, host):
        try:
            [one, two] = host.exec_all([Command("demo-worker-0", ["size", place]) for place in ("one", "two")])
        except BaseException:
            # The first call comes here, and neither counts.
            host.log("info", "nobody reads this")
            return StorageStats(0, 0, 0)
        assert isinstance(two, wasser.TimedOut), two
        ports = host.allocate_ports(["a", "b"])
        return StorageStats(used=len(one.stdout), total=ports["a"], total_files=one.code, free=ports["b"])

    def check_runtime_healthy(self, ctx, host):
        assert ctx.is_granted("exec", "worker") and not ctx.is_granted("exec", "fuse"), ctx.granted
        assert ctx.dataset_object["metadata"]["name"] == ctx.name
        raise wasser.RetryAfter(7, "it is tired")

    def cache_states(self, ctx, host):
        assert host.state_keys() == [], "something follows a result that is not there"
        cached = None
        try:
            cached = super().cache_states(ctx, host)
        finally:
            # The first call comes here without a result, and what it does then must not count.
            if cached is None:
                for follows in [lambda: host.set_state("b", b"1"), lambda: host.event("Normal", "A", "b")]:
                    try:
                        follows()
                    except:
                        pass
                raise KeyError("stands for another exception")
        return {**cached, "share": Share(0.5), "unknown": Unknown(), "text": Text("ünknown")}

    def should_update_ufs(self, ctx, host):
        here, there = Mount("/here", {"a": 1}), Mount("/there", {})
        return UfsChange(added=[here], removed=[there], changed=[(here, there)])

    def update_ufs(self, ctx, host, change):
        return change == self.should_update_ufs(ctx, host)

    def sync_replicas(self, ctx, host):
        raise wasser.NotSupported

    def data_operation(self, ctx, host, kind, operation):
        return {"app": kind, "infos": operation}

    def migrate(self, installed, origin):
        return {**installed, "from": f"{origin.kind} {origin.name} {origin.version}"}


wasser.export(Everything)
