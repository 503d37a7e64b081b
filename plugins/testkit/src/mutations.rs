//! Answers of pods that are nearly right: of other versions, cut off, or of somebody who means harm.

use std::sync::Arc;

use serde_json::Value;
use wasser_sdk::Implement;
use wasser_sdk::testing::{FakeHost, ok};
use wasser_test_mutations::{check, one_of};

use crate::Kit;

impl<R: Implement> Kit<R> {
    /// Checks that no answer is too odd: methods that ask pods end with a result or an error, and
    /// what they say of the cache is bounded. `answers` are right ones, of which one with a few
    /// changes is given to every command.
    pub fn expect_odd_answers(&self, documents: &[Value], pods: impl Fn() -> FakeHost + 'static, answers: &[&str])
    where
        R::Spec: 'static,
    {
        let ctx = self.context(documents).unwrap();
        let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.as_bytes().to_vec()).collect();
        check(1500, one_of(&answers), answers, move |answer| {
            let answer: Arc<str> = String::from_utf8_lossy(answer).into();
            let given = answer.clone();
            let host = pods().on_exec(move |_, _| ok(&given));
            // A result or an error, and no panic.
            let _size = R::storage_stats(&ctx, &host);
            let _change = R::should_update_ufs(&ctx, &host);
            let _health = R::check_runtime_healthy(&ctx, &host);
            let _mounts = R::prepare_ufs(&ctx, &host);
            if let Ok(states) = R::cache_states(&ctx, &host) {
                assert!(states.len() < 32, "{:?} from {:?}", states.len(), answer);
            }
        });
    }
}
