//! Tests what the instances of one plugin may use together: others go on, and nobody is blamed for
//! what another one uses.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use common::backend::{Fake, scope};
use common::registration::{context, host, load};
use common::{ANSWER, Guest};
use futures::FutureExt;
use wasser_plugin::{CallError, Instance, Plugin, Standing};

/// As many instances as one plugin may have, and as many as all may have.
const OF_ONE: usize = 224;
const ALL: usize = 512;
const GROW: &str = "(if (i32.eq (memory.grow (i32.const 900)) (i32.const -1)) (then (unreachable)))";

/// A plugin that does this and then finds nothing wrong.
fn answering(body: &str) -> Vec<u8> {
    let fine = format!("{body} (i32.store (i32.const {ANSWER}) (i32.const 0)) (i32.const {ANSWER})");
    Guest::default().method("validate", &fine).build()
}

/// Calls a plugin, and keeps the instance.
async fn held(plugin: &Plugin) -> Result<Instance, CallError> {
    let mut instance = plugin.instance(scope(), Fake::new());
    instance.validate(&context()).await?.unwrap();
    Ok(instance)
}

fn is_good(plugin: &Plugin) -> bool {
    matches!(plugin.standing(), Standing::Good { faults: 0 })
}

#[tokio::test]
async fn instances_that_grow_to_their_limit_leave_memory_to_other_plugins() {
    let (host, _directory) = host();
    let greedy = load(&host, &answering(GROW), "").await.unwrap();
    let other = load(&host, &answering(""), "").await.unwrap();
    let mut all = Vec::new();
    let error = loop {
        match held(&greedy).await {
            Ok(instance) => all.push(instance),
            Err(error) => break error,
        }
    };
    assert_eq!(all.len(), 5, "five times 56 MiB");
    assert_eq!(error.label(), "host", "{error}");
    assert!(
        error
            .to_string()
            .contains("288 MiB of memory together, which is all that one plugin may have"),
        "{error}"
    );
    assert!(is_good(&greedy), "many instances are not a fault");
    held(&other).await.unwrap();

    // What ends gives back what it had.
    all.pop();
    held(&greedy).await.unwrap();
}

#[tokio::test]
async fn no_plugin_has_all_instances() {
    let (host, _directory) = host();
    let greedy = load(&host, &answering(""), "").await.unwrap();
    let other = load(&host, &answering(""), "").await.unwrap();
    let mut all = Vec::new();
    for _ in 0..OF_ONE {
        all.push(held(&greedy).await.unwrap());
    }
    let mut next = Box::pin(held(&greedy));
    assert!((&mut next).now_or_never().is_none(), "it waits for one of its own");
    for _ in 0..OF_ONE {
        all.push(held(&other).await.unwrap());
    }
    assert_eq!(host.instances(), 2 * OF_ONE);
    let third = load(&host, &answering(""), "").await.unwrap();
    for _ in 0..ALL - 2 * OF_ONE {
        all.push(held(&third).await.unwrap());
    }
    assert_eq!(host.instances(), ALL);
    assert!(is_good(&greedy) && is_good(&other) && is_good(&third));
    all.clear();
    next.await.unwrap();
}

#[tokio::test]
async fn a_component_with_more_tables_than_its_place_in_the_pool_is_refused() {
    let component = Guest::default().function("(table 1 funcref) (table 1 funcref)").build();
    let (host, _directory) = host();
    let refused = load(&host, &component, "").await.unwrap_err();
    assert!(
        refused.contains("tables count of 2 exceeds the per-instance limit"),
        "{refused}"
    );
}
