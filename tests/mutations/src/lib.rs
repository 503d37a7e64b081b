//! Inputs of tests that are nearly right: a valid one with a few changes, as a broken registry, an
//! old version or somebody who means harm would make it. What reads them must refuse them or not,
//! but neither panic nor hang.
//!
//! They are few in the regular tests, and the same each time. `WASSER_MUTATIONS=100000` makes so
//! many others of each.

#![allow(clippy::panic, reason = "a test may")]

mod bytes;
mod json;

use proptest::test_runner::{Config, RngSeed};

pub use bytes::{bytes, text};
pub use json::json;

/// Settings of a test that takes about a second for so many inputs.
///
/// # Panics
/// If `WASSER_MUTATIONS` is no number.
pub fn config(usual: u32) -> Config {
    let asked = std::env::var("WASSER_MUTATIONS").ok();
    let asked = asked.map(|text| text.parse().unwrap_or_else(|error| panic!("WASSER_MUTATIONS: {error}")));
    Config {
        cases: asked.unwrap_or(usual),
        rng_seed: if asked.is_some() {
            RngSeed::Random
        } else {
            RngSeed::Fixed(1)
        },
        failure_persistence: None,
        ..Config::default()
    }
}
