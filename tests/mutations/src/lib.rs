//! Inputs of tests that are nearly right: a valid one with a few changes, as a broken registry, an
//! old version or somebody who means harm would make it. What reads them must refuse them or not,
//! but neither panic nor hang.
//!
//! They are few in the regular tests, and the same each time. `WASSER_MUTATIONS=100000` makes so
//! many others of each.
//!
//! Programs that are built with the feature `libfuzzer` have their inputs of [`check`] from
//! libFuzzer instead, which looks for those that lead to other code. `cargo xtask test fuzz` does.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

mod bytes;
#[cfg(feature = "libfuzzer")]
mod fuzz;
mod json;

use proptest::strategy::Strategy;
#[cfg(not(feature = "libfuzzer"))]
use proptest::test_runner::TestRunner;
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

/// Tries a property on so many inputs, or on those that libFuzzer makes of `seeds`: bytes for which
/// it panics fail the test.
///
/// With libFuzzer it ends the process.
///
/// # Panics
/// If the property does.
pub fn check(
    usual: u32,
    inputs: impl Strategy<Value = Vec<u8>>,
    seeds: impl IntoIterator<Item = Vec<u8>>,
    property: impl Fn(&[u8]) + 'static,
) {
    #[cfg(feature = "libfuzzer")]
    {
        let _generated = (usual, inputs);
        fuzz::run(seeds, property);
    }
    #[cfg(not(feature = "libfuzzer"))]
    {
        let _seeds = seeds;
        let outcome = TestRunner::new(config(usual)).run(&inputs, |input| {
            property(&input);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// One of these, with one to four changes.
pub fn one_of(valid: &[Vec<u8>]) -> impl Strategy<Value = Vec<u8>> + use<> {
    proptest::strategy::Union::new(valid.iter().map(|valid| bytes(valid)))
}
