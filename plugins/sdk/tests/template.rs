//! The runtime that `wasser plugin new` writes, compiled natively: its own tests are part of this one.

#[rustfmt::skip] // Authors have the width that rustfmt has by itself.
#[allow(dead_code, reason = "a component exports what a test does not call")]
#[path = "../../../host/author/templates/rust/lib.rs"]
mod template;
