//! `wasser records`: where Helm's records of releases are.

use anyhow::{Context as _, Result, bail};
use kube::Client;
use wasser_chart::move_records;

use super::cluster::ClusterArgs;
use super::options::HelmDriver;
use crate::leader;

/// What can be done with records.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Move the records that Wasser has written to Helm's other driver, before the operator is told to
    /// use that one. Safe to interrupt and to repeat. Refused while an operator has its Lease, since it
    /// writes records to where they were.
    Move(Args),
}

/// Where to.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The driver to move to.
    #[arg(long, value_enum)]
    to: HelmDriver,
    /// The namespace of the releases; all if it is left out.
    #[arg(long, short)]
    namespace: Option<String>,
    /// Move although a Lease says that an operator works, such as that of one that was killed.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Moves records, and prints each.
pub async fn run(command: Command) -> Result<()> {
    let Command::Move(args) = command;
    let client = args.cluster.client().await?;
    if !args.force {
        refuse_beside_an_operator(&client).await?;
    }
    let moved = |namespace: &str, name: &str| {
        // The line says what was done already should the next one fail.
        let _ = super::print(&format!("{namespace}/{name}\n"));
    };
    let count = move_records(&client, args.namespace.as_deref(), args.to.into(), moved).await?;
    super::print(&format!("{count} records were moved\n"))
}

/// Fails while an operator has the lease in any namespace: a record that it writes after the move is
/// not found by the next one.
async fn refuse_beside_an_operator(client: &Client) -> Result<()> {
    let holder = leader::holder(client)
        .await
        .context("looking whether an operator works; with --force, records are moved without that")?;
    if let Some((namespace, holder)) = holder {
        bail!(
            "the operator {holder} has the Lease {namespace}/{} and writes records meanwhile; scale its Deployment to 0 \
             (kubectl scale deployment NAME -n {namespace} --replicas=0) and try again once it has ended, or use --force \
             if it does not run any more",
            leader::LEASE
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wasser_test_api_server::ApiServer;

    use super::*;

    fn lease(namespace: &str, name: &str, holder: &Value) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": namespace},
            "spec": {"holderIdentity": holder},
        })
    }

    #[tokio::test]
    async fn records_are_not_moved_beside_an_operator() {
        let server = ApiServer::new();
        for namespace in ["a", "b"] {
            server.namespace(namespace);
        }
        let client = server.client("default");
        refuse_beside_an_operator(&client).await.unwrap();
        server.create(&lease("a", "another", &json!("somebody")));
        server.create(&lease("a", leader::LEASE, &Value::Null));
        refuse_beside_an_operator(&client).await.unwrap();
        server.create(&lease("b", leader::LEASE, &json!("wasser-1")));
        let refusal = refuse_beside_an_operator(&client).await.unwrap_err().to_string();
        for says in [
            "the operator wasser-1",
            "Lease b/wasser.data.fluid.io",
            "-n b --replicas=0",
            "--force",
        ] {
            assert!(refusal.contains(says), "{refusal}");
        }
    }
}
