"""Tests without a component: `python3 -m unittest`."""

import unittest

from app import ExampleRuntime, used
from wasser import Bytes, Failed, Invalid, Output, Pod
from wasser.testing import FakeHost, context

DATASET = {"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]}
IMAGES = {"worker": "example/worker:1"}


class ExampleRuntimeTest(unittest.TestCase):
    def test_values_are_those_of_the_spec(self):
        ctx = context({"cacheSize": "2Gi"}, DATASET, directory="example-fuse", images=IMAGES)
        self.assertEqual(
            ExampleRuntime().desired(ctx, FakeHost()),
            {
                "source": "s3://bucket",
                "image": "example/worker:1",
                "cacheSize": "2Gi",
                "mountPath": "/runtime-mnt/example/default/demo/example-fuse",
                "resources": {},
                "fuseNodeSelector": {"fluid.io/f-default-demo": "true"},
            },
        )

    def test_a_cache_of_no_size_is_refused(self):
        for size in ["", " ", 5]:
            with self.assertRaises(Invalid) as refused:
                ExampleRuntime().validate(context({"cacheSize": size}, kind="ExampleRuntime"), FakeHost())
            self.assertEqual(refused.exception.field, "ExampleRuntime.spec.cacheSize")

    def test_ready_workers_are_asked_what_they_have(self):
        pods = [Pod("demo-worker-0", "worker"), Pod("demo-worker-1", "worker", ready=False)]
        host = FakeHost(pods, on_exec=lambda command: Output(0, b"4096\t/cache\n"))
        self.assertEqual(ExampleRuntime().cache_states(context({}), host), {"cached": Bytes(4096)})
        self.assertEqual(host.calls, ["exec demo-worker-0 du -s -B1 /cache"])

    def test_a_line_of_du_begins_with_bytes(self):
        self.assertEqual(used("4096\t/cache"), 4096)
        for line in ["", "du: no such directory"]:
            with self.assertRaises(Failed):
                used(line)


if __name__ == "__main__":
    unittest.main()
