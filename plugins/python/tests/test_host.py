"""What a plugin is answered, and what it answers."""

import unittest

import wasser
from wasser import (
    Bytes,
    Command,
    Conflict,
    Failed,
    HostError,
    Mount,
    NotFound,
    Output,
    Pod,
    RetryAfter,
    Role,
    Runtime,
    Share,
    TimedOut,
    UfsChange,
    Want,
    methods,
)
from wasser.checked import require, text, to_json
from wasser.errors import Pending
from wasser.testing import FakeHost, context, converse


def host(answer):
    return FakeHost([Pod("a", "worker"), Pod("b", "worker", ready=False)], on_exec=lambda command: answer)


class RunTest(unittest.TestCase):
    def test_standard_output_is_returned(self):
        self.assertEqual(host(Output(0, b" a\xffb\n")).run("a", ["ls"]), "a\ufffdb")
        self.assertEqual(host(Output(0, b"a", b"many", stderr_truncated=True)).run("a", ["ls"]), "a")

    def test_each_other_ending_is_a_failure_that_names_command_and_pod(self):
        endings = {
            "exit code 2: last": Output(2, stderr=b"first\nlast\n\n"),
            "nothing on standard error": Output(1),
            "did not finish in time": Output(None, ending="did not finish in time"),
            "limits.output": Output(0, truncated=True),
            "in another way": Output(None, ending="in another way", truncated=True),
            "without end": Output(None, ending="wrote more than the limit, and was cut off"),
            "not here": NotFound("not here"),
        }
        for says, answer in endings.items():
            with self.subTest(says), self.assertRaises(Failed) as failed:
                host(answer).run("a", ["ls", "-l"])
            self.assertEqual(isinstance(failed.exception, TimedOut), "in time" in says)
            self.assertIn("`ls -l` in pod a", str(failed.exception))
            self.assertIn(says, str(failed.exception))

    def test_many_pods_are_asked_together(self):
        asked = host(Output(0))
        self.assertEqual(len(asked.exec_all([Command("a", ["ls"]), Command("b", ["ls"])])), 2)
        self.assertEqual([pod.name for pod in asked.ready_pods("worker")], ["a"])

    def test_a_write_follows_a_version(self):
        state = FakeHost()
        first = state.set_state("key", b"1")
        with self.assertRaises(Conflict):
            state.set_state("key", b"2")
        state.set_state("key", b"2", first)
        with self.assertRaises(Conflict):
            state.remove_state("key", first)


class ArgumentTest(unittest.TestCase):
    def test_what_no_function_takes_is_refused_before_it_is_asked(self):
        asked = host(Output(0))
        wrong = {
            "Command.argv is": lambda: Command("a", "ls"),
            "Command.argv[1] is 5, and must be str": lambda: Command("a", ["ls", 5]),
            "Command.argv is of the type tuple": lambda: Command("a", ("ls",)),
            "Command.stdin is 'text', and must be bytes": lambda: Command("a", ["ls"], stdin="text"),
            "Command.timeout is -1, and must be from 0 on": lambda: Command("a", ["ls"], -1),
            "Command.timeout is nan, and must be finite": lambda: Command("a", ["ls"], float("nan")),
            "Command.timeout is True": lambda: Command("a", ["ls"], True),
            "commands[0] is 'ls', and must be Command": lambda: asked.exec_all(["ls"]),
            "half a character at 1": lambda: asked.run("a\ud800", ["ls"]),
            "port is 70000, and must be from 1 to 65535": lambda: asked.http_get("a", 70000, "/"),
            "port is '80'": lambda: asked.http_get("a", "80", "/"),
            "value is '1', and must be bytes": lambda: asked.set_state("k", "1"),
            "if_version is 1, and must be str": lambda: asked.remove_state("k", 1),
            "names is 'a', and must be list[str]": lambda: asked.allocate_ports("a"),
            "level is 'warning', and must be debug or": lambda: asked.log("warning", "a"),
            "severity is 'normal', and must be Normal or": lambda: asked.event("normal", "A", "b"),
            "role is None": lambda: asked.pods(None),
        }
        for says, ask in wrong.items():
            with self.subTest(says), self.assertRaises((TypeError, ValueError)) as refused:
                ask()
            self.assertIn(says, str(refused.exception))
        self.assertEqual(asked.calls, [])


class ConverseTest(unittest.TestCase):
    def test_each_result_ends_a_call_and_what_follows_has_no_effect(self):
        asked, calls = host(Output(0, b"1")), []

        def method(conversing):
            calls.append(len(calls))
            conversing.log("info", "once")
            try:
                first, second = conversing.run("a", ["x"]), conversing.run("a", ["x"])
            finally:
                conversing.log("warn", "at the end")
                try:
                    conversing.set_state("end", b"1")
                except Pending:
                    raise KeyError("hides it") from None
            return first + second

        self.assertEqual(converse(asked, method), "11")
        self.assertEqual((len(calls), asked.state_keys()), (3, ["end"]))
        said = ["log info once", "exec a x", "exec a x", "log warn at the end"]
        self.assertEqual(asked.calls, said)

    def test_errors_and_answers_are_those_of_a_method_that_knows_all(self):
        self.assertIsInstance(converse(host(NotFound("gone")), lambda on: on.exec_all([Command("a", ["x"])]))[0], HostError)
        with self.assertRaisesRegex(Failed, "not here"):
            converse(host(NotFound("not here")), lambda on: on.run("a", ["x"]))
        with self.assertRaises(NotFound):
            converse(FakeHost(), lambda on: on.http_get("a", 80, "/"))
        numbers = iter(range(1000))
        with self.assertRaisesRegex(Failed, "no answer after 500 calls"):
            converse(host(Output(0)), lambda on: on.run("a", [str(next(numbers))]))


class AnswerTest(unittest.TestCase):
    def test_what_cannot_cross_to_the_host_is_refused_where_it_is_made(self):
        wrong = [
            lambda: Bytes(1.5),
            lambda: Bytes(-1),
            lambda: Bytes(2**64),
            lambda: Bytes(True),
            lambda: Share("half"),
            lambda: Want("kinds", "Pod"),
            lambda: Want("kinds", [5]),
            lambda: Mount("/", []),
            lambda: Share(float("nan")),
            lambda: UfsChange(changed=[Mount("/", {})]),
            lambda: UfsChange(changed=[(Mount("/", {}), "/")]),
            lambda: Role("a", "b", "c", "d", default_replicas=2**32),
            lambda: Role("a", "b", "c", "d", replicas=1),
            lambda: RetryAfter("soon", "a"),
            lambda: RetryAfter(float("nan"), "a"),
        ]
        for make in wrong:
            with self.assertRaises((TypeError, ValueError)):
                make()
        self.assertEqual((Share(1).value, Bytes(0).value), (1, 0))

    def test_what_json_cannot_have_is_named_by_its_path(self):
        deep = []
        deep.append(deep)
        wrong = {
            "desired.a[1].b is of the type set, and must be what JSON can have": {"a": [1, {"b": {5}}]},
            "desired.a is of the type Fields": {"a": context({}).spec},
            "a key of desired.a is 1, and must be str": {"a": {1: "b"}},
            "desired.a is nan, and must be finite": {"a": float("nan")},
            "desired.a has half a character at 1": {"a": "b\ud800"},
            "a key of desired has half a character": {"\ud800": 1},
            "desired.a is 18446744073709551616, and must be from": {"a": 2**64},
            "is too deep, or in itself": {"a": deep},
        }
        for says, values in wrong.items():
            with self.subTest(says), self.assertRaises((TypeError, ValueError)) as refused:
                to_json("desired", values)
            self.assertIn(says, str(refused.exception))
        right = {"a": [1, 1.5, None, True, ("b",)], "c": 2**64 - 1}
        self.assertEqual(to_json("desired", right), '{"a": [1, 1.5, null, true, ["b"]], "c": 18446744073709551615}')

    def test_a_method_without_an_answer_has_none(self):
        async def later():
            pass

        def each():
            yield

        for found, says in [(later(), "a coroutine, as of an async function"), (each(), "a generator"), (False, "False")]:
            with self.assertRaisesRegex(TypeError, f"validate is {says}.*, and must be None"):
                require("validate", found, type(None))

    def test_halves_of_characters_are_replaced(self):
        self.assertEqual(text("a\ud800b"), "a?b")

    def test_the_methods_of_a_class_are_found(self):
        class Some(Runtime):
            def validate(self, ctx, host):
                pass

            def data_operation(self, ctx, host, kind, operation):
                pass

        self.assertEqual((methods(Runtime), methods(Some)), ([], ["validate"]))

    def test_a_name_that_is_nearly_that_of_a_method_is_refused(self):
        for name in ["check_runtime_health", "cacheStates", "Validate", "sync_replica", "data_operations"]:
            with self.subTest(name), self.assertRaisesRegex(TypeError, f"`{name}` of Some is never called; the host calls"):
                wasser.export(type("Some", (Runtime,), {name: lambda self: None}))
        others = {"_cacheStates": lambda self: None, "used": lambda self: None, "migrated": 5, "desired": None}
        wasser.export(type("Some", (Runtime,), others))
