//! Wasser as a platform team runs it: installed by its chart.

use std::ops::Deref;

use kube::Client;

pub use crate::release::{RELEASE, SYSTEM, install, uninstall};
use crate::user::{Logs, User};
use crate::{environment, sweep};

/// The release, and a namespace of the test's own.
pub struct Installed {
    user: User,
}

impl Installed {
    /// Installs or upgrades the release, and waits until it is ready.
    pub async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    /// The same with more options of `helm`.
    pub async fn start_with(name: &str, options: &[&str]) -> Self {
        environment::needs_a_real_node();
        let client = Client::try_default()
            .await
            .expect("these tests need a cluster: run them with `cargo xtask test e2e`, or set KUBECONFIG");
        sweep::datasets(&client).await;
        install(options).await;
        Self {
            user: User::new(client, name, Logs::Pods(SYSTEM)).await,
        }
    }

    /// Ends the test's pods, its Dataset and its namespace, and sees to it that nothing is left but
    /// what the test has put there itself.
    pub async fn end_with(self, dataset: &str, own: &[&str]) {
        self.delete_pods().await;
        self.delete_dataset(dataset).await;
        self.empty(own).await;
        self.clean_nodes().await;
        self.end().await;
    }

    /// Removes the test's namespace; the release stays, for the next test.
    pub async fn end(self) {
        self.leave().await;
    }
}

impl Deref for Installed {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}
