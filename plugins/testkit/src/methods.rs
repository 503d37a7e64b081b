//! The methods that a plugin has, and those that it says it has.

use std::collections::BTreeSet;

use wasser_sdk::testing::FakeHost;
use wasser_sdk::{Context, Error, Implement, Method, Result, UfsChange};

use crate::Kit;

impl<R: Implement> Kit<R> {
    /// Checks that `describe` lists just the methods that the plugin has, by calling all of them
    /// for each case: the host calls no other, and one that is not there only says so. `others` are
    /// those that no case asks for.
    pub fn expect_methods(&self, others: &[Method]) {
        let mut answered: BTreeSet<Method> = others.iter().copied().collect();
        for (_, documents) in self.cases() {
            let ctx = self.context(&documents).unwrap();
            answered.extend(methods::<R>(&ctx, &crate::host(&documents)));
        }
        let listed: BTreeSet<Method> = R::describe().methods.into_iter().collect();
        assert_eq!(
            listed, answered,
            "the methods that `describe` lists, and those that there are"
        );
    }
}

/// Returns the methods that do more than leave the matter to the host.
fn methods<R: Implement>(ctx: &Context<R::Spec>, host: &FakeHost) -> Vec<Method> {
    fn has<T>(answer: Result<T>) -> bool {
        !matches!(answer, Err(Error::NotSupported))
    }
    let change = UfsChange::default();
    let all = [
        (Method::Validate, has(R::validate(ctx, host))),
        (Method::CheckReady, has(R::check_ready(ctx, host, "worker"))),
        (Method::ShouldCheckUfs, has(R::should_check_ufs(ctx, host))),
        (Method::PrepareUfs, has(R::prepare_ufs(ctx, host))),
        (Method::SetupWorkers, has(R::setup_workers(ctx, host))),
        (Method::SyncMetadata, has(R::sync_metadata(ctx, host))),
        (Method::StorageStats, has(R::storage_stats(ctx, host))),
        (Method::CacheStates, has(R::cache_states(ctx, host))),
        (Method::CheckRuntimeHealthy, has(R::check_runtime_healthy(ctx, host))),
        (Method::ShouldUpdateUfs, has(R::should_update_ufs(ctx, host))),
        (Method::UpdateUfs, has(R::update_ufs(ctx, host, &change))),
        (Method::SyncReplicas, has(R::sync_replicas(ctx, host))),
        (Method::Shutdown, has(R::shutdown(ctx, host))),
    ];
    all.into_iter()
        .filter(|(_, has)| *has)
        .map(|(method, _)| method)
        .collect()
}
