"""What a plugin is answered, and what it answers."""

import unittest

from wasser import Bytes, Command, Conflict, Failed, Mount, NotFound, Output, Pod, Runtime, Share, Want, methods
from wasser.checked import text
from wasser.testing import FakeHost


def host(answer):
    return FakeHost([Pod("a", "worker"), Pod("b", "worker", ready=False)], on_exec=lambda command: answer)


class RunTest(unittest.TestCase):
    def test_standard_output_is_returned(self):
        self.assertEqual(host(Output(0, b"a\xffb")).run("a", ["ls"]), "a\ufffdb")

    def test_each_other_ending_is_a_failure_that_names_command_and_pod(self):
        endings = {
            "exit code 2: last": Output(2, stderr=b"first\nlast\n"),
            "nothing on standard error": Output(1),
            "did not finish in time": Output(None, ending="did not finish in time"),
            "limits.output": Output(0, truncated=True),
            "not here": NotFound("not here"),
        }
        for says, answer in endings.items():
            with self.subTest(says), self.assertRaises(Failed) as failed:
                host(answer).run("a", ["ls", "-l"])
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
        ]
        for make in wrong:
            with self.assertRaises((TypeError, ValueError)):
                make()
        self.assertEqual((Share(1).value, Bytes(0).value), (1, 0))

    def test_halves_of_characters_are_replaced(self):
        self.assertEqual(text("a\ud800b"), "a?b")

    def test_the_methods_of_a_class_are_found(self):
        class Some(Runtime):
            def validate(self, ctx, host):
                pass

            def data_operation(self, ctx, host, kind, operation):
                pass

        self.assertEqual((methods(Runtime), methods(Some)), ([], ["validate"]))
