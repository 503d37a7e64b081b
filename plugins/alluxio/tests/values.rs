//! Manifests as users write them, and the values that the plugin makes of them.
//!
//! `cases/<name>.yaml` is the manifest, `cases/golden/<name>.values.yaml` what is expected. With UPDATE=1 in the environment the test
//! writes that instead of comparing; read the difference before it is committed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

#[test]
fn values_are_as_expected() {
    for (name, documents) in support::cases() {
        let values = support::values(&documents).unwrap_or_else(|error| panic!("{name}: {error}"));
        support::expect(&name, "values", &support::yaml(&values));
    }
}

#[test]
fn values_are_the_same_each_time_and_once_they_are_installed() {
    for (name, documents) in support::cases() {
        let values = support::values(&documents).unwrap();
        assert_eq!(support::values(&documents).unwrap().to_string(), values.to_string(), "{name}");
        assert_eq!(support::synced(&documents, &values), values, "{name}");
    }
}
