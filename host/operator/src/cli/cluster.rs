//! The cluster that a command works on, by kubectl's options of the same names.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use wasser_api::shell::word;

/// Which cluster, and as whom.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ClusterArgs {
    /// The file with clusters and users [default: KUBECONFIG, else ~/.kube/config, else the account
    /// of the pod].
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of that file [default: its current one].
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
}

impl ClusterArgs {
    /// Reads how the cluster is reached. No request is made.
    pub async fn config(&self) -> Result<Config> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        match &self.kubeconfig {
            Some(path) => {
                let using = || format!("using the kubeconfig {}", path.display());
                let file = Kubeconfig::read_from(path).with_context(using)?;
                Config::from_custom_kubeconfig(file, &options).await.with_context(using)
            }
            None if self.context.is_some() => Config::from_kubeconfig(&options)
                .await
                .with_context(|| format!("using the context {}", self.context.as_deref().unwrap_or_default())),
            None => Config::infer().await.context(
                "finding a cluster: neither KUBECONFIG, ~/.kube/config nor a pod's service account is usable; \
                 --kubeconfig names another file",
            ),
        }
    }

    /// Returns a client of the cluster.
    pub async fn client(&self) -> Result<Client> {
        Client::try_from(self.config().await?).context("preparing the connection to the cluster")
    }

    /// Returns whether the user has named no cluster.
    pub fn is_default(&self) -> bool {
        self.kubeconfig.is_none() && self.context.is_none()
    }

    /// Returns the options that lead to the same cluster again, each with a space in front.
    pub fn repeated(&self) -> String {
        let mut text = String::new();
        if let Some(path) = &self.kubeconfig {
            text.push_str(&format!(" --kubeconfig {}", word(&path.display().to_string())));
        }
        if let Some(context) = &self.context {
            text.push_str(&format!(" --context {}", word(context)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_again_as_a_shell_reads_it() {
        assert_eq!(ClusterArgs::default().repeated(), "");
        let named = ClusterArgs {
            kubeconfig: Some("/home/me/My Clusters/a.yaml".into()),
            context: Some("staging".to_owned()),
        };
        assert_eq!(
            named.repeated(),
            " --kubeconfig '/home/me/My Clusters/a.yaml' --context staging"
        );
    }
}
