//! Manifests as users write them, and the values that the plugin makes of them:
//! `cases/golden/<name>.values.yaml`. UPDATE=1 writes them.

mod support;

use support::KIT;
use wasser_jindo::Jindo;
use wasser_sdk::Implement;

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
fn a_runtime_without_replicas_has_no_workers() {
    let roles = Jindo::describe().roles;
    let workers: Vec<_> = roles.iter().filter(|role| role.name == "worker").collect();
    assert_eq!(
        workers.iter().map(|role| role.default_replicas).collect::<Vec<_>>(),
        [0]
    );
    assert!(
        workers
            .iter()
            .all(|role| role.replicas.as_deref() == Some("/spec/replicas"))
    );
}

#[test]
fn the_description_lists_the_methods_that_there_are() {
    support::KIT.expect_methods(&[]);
}
