"""What a plugin reads of its context."""

import unittest

from wasser import Failed, Fields, Invalid, RoleStatus, Want
from wasser.testing import context

READS = {
    "text": lambda fields: fields.text("a"),
    "integer": lambda fields: fields.integer("a"),
    "flag": lambda fields: fields.flag("a"),
    "fields": lambda fields: fields.fields("a"),
    "items": lambda fields: fields.items("a"),
    "texts": lambda fields: fields.texts("a"),
    "number": lambda fields: fields.number("a"),
    "optional_text": lambda fields: fields.optional_text("a"),
}


class FieldsTest(unittest.TestCase):
    def test_a_field_of_another_type_is_refused_by_its_path(self):
        wrong = {"text": 5, "integer": True, "flag": 1, "fields": [], "items": {}, "texts": "b", "number": "1.5", "optional_text": 5}
        for read, value in wrong.items():
            with self.subTest(read), self.assertRaises(Invalid) as refused:
                READS[read](Fields("Kind.spec", {"a": value}))
            self.assertEqual(refused.exception.field, "Kind.spec.a")
            self.assertIn("must be", refused.exception.message)

    def test_null_counts_as_left_out(self):
        for given in [{}, {"a": None}]:
            fields = Fields("Kind.spec", given)
            self.assertEqual(fields.text("a", "b"), "b")
            self.assertEqual(fields.integer("a", 0), 0)
            self.assertIs(fields.flag("a", False), False)
            self.assertEqual((fields.fields("a").value, fields.items("a")), ({}, []))
            with self.assertRaises(Invalid) as refused:
                fields.text("a")
            self.assertEqual(refused.exception.message, "is missing; give a text")

    def test_texts_numbers_and_what_may_be_missing_are_read(self):
        fields = Fields("Kind.spec", {"a": ["b"], "c": 1.5, "d": 2, "e": "f", "g": ["h", 5]})
        self.assertEqual((fields.texts("a"), fields.number("c"), fields.number("d")), (["b"], 1.5, 2))
        self.assertEqual((fields.optional_text("e"), fields.optional_text("x"), fields.texts("x", [])), ("f", None, []))
        with self.assertRaises(Invalid) as refused:
            fields.texts("g")
        self.assertEqual(refused.exception.field, "Kind.spec.g[1]")

    def test_a_default_of_another_type_is_a_fault_of_the_author(self):
        for given in [{}, {"a": "b"}]:
            with self.assertRaisesRegex(TypeError, "the default of Kind.spec.a is 5, and must be a text"):
                Fields("Kind.spec", given).text("a", 5)

    def test_an_item_knows_its_place(self):
        [_, second] = Fields("Dataset.spec", {"mounts": [{}, {"a": 1}]}).items("mounts")
        self.assertEqual(second.path, "Dataset.spec.mounts[1]")
        with self.assertRaises(Invalid):
            Fields("Dataset.spec", {"mounts": [5]}).items("mounts")


class ContextTest(unittest.TestCase):
    def test_facts_are_read(self):
        ctx = context({"a": 1}, {"b": 2}, kind="Kind", installed={"c": 3}, roles={"worker": RoleStatus(2, 1)})
        self.assertEqual((ctx.spec.value, ctx.dataset.value, ctx.installed), ({"a": 1}, {"b": 2}, {"c": 3}))
        self.assertEqual((ctx.spec.path, ctx.roles["worker"].ready), ("Kind.spec", 1))
        self.assertEqual(ctx.mount_path, "/runtime-mnt/demo/default/demo/demo-fuse")

    def test_a_spec_that_is_no_object_is_refused(self):
        with self.assertRaises(Invalid) as refused:
            _ = context([1], kind="Kind").spec
        self.assertEqual(refused.exception.field, "Kind.spec")

    def test_a_dataset_that_is_gone_fails(self):
        ctx = context({}, has_dataset=False)
        self.assertFalse(ctx.has_dataset)
        self.assertIsNone(ctx.dataset_object)
        with self.assertRaises(Failed):
            _ = ctx.dataset

    def test_the_whole_dataset_and_the_grants_are_facts(self):
        ctx = context({}, dataset_status={"phase": "Bound"}, granted=[Want("exec", ["worker"]), Want("secrets")])
        self.assertEqual((ctx.dataset_object["metadata"]["name"], ctx.dataset_object["status"]["phase"]), ("demo", "Bound"))
        self.assertEqual([want.capability for want in ctx.granted], ["exec", "secrets"])
        self.assertTrue(ctx.is_granted("exec", "worker") and ctx.is_granted("exec") and ctx.is_granted("secrets"))
        self.assertFalse(ctx.is_granted("exec", "fuse") or ctx.is_granted("ports"))

    def test_a_missing_image_is_named(self):
        with self.assertRaisesRegex(Failed, "no image `worker`"):
            context({}).image("worker")
