//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.

mod support;

use support::KIT;

#[test]
fn values_are_as_expected() {
    KIT.expect_values(support::values);
}

#[test]
fn values_are_the_same_each_time_and_once_they_are_installed() {
    KIT.expect_stable(support::values, |documents, installed| {
        support::synced(documents, installed, 1_000_000_000_000)
    });
}

#[test]
fn the_description_lists_the_methods_that_there_are() {
    support::KIT.expect_methods(&[]);
}
