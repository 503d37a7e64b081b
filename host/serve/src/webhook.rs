//! `wasser-serve webhook`: what the API server asks about pods.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use kube::Config;
use tokio_util::sync::CancellationToken;
use wasser_process::{client, listening, logs, options, signals};
use wasser_webhook::{Keeper, KubeDatasets, Server};

use crate::runtime;

/// Options, each also an environment variable.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address to serve HTTPS on: reviews of pods, /healthz and /readyz.
    #[arg(long, env = "WASSER_WEBHOOK_ADDR", default_value = ":9443", value_parser = options::listen)]
    addr: options::Listen,
    /// The namespace of the Secret and of the Service [default: that of the pod, else
    /// fluid-system].
    #[arg(long, env = "WASSER_NAMESPACE")]
    namespace: Option<String>,
    /// The Secret with the certificates; it is made where there is none.
    #[arg(long, env = "WASSER_WEBHOOK_SECRET", default_value = "wasser-webhook-certs")]
    secret: String,
    /// The MutatingWebhookConfiguration by which the API server comes here.
    #[arg(long, env = "WASSER_WEBHOOK_CONFIGURATION", default_value = "wasser")]
    configuration: String,
    /// Names and addresses under which the API server comes here [default:
    /// wasser-webhook.<namespace>.svc].
    #[arg(long = "name", env = "WASSER_WEBHOOK_NAMES", value_delimiter = ',')]
    names: Vec<String>,
    /// The image that reads files in advance for pods that ask for it and name none.
    #[arg(long, env = "FILE_PREFETCHER_IMAGE", default_value = "")]
    file_prefetcher_image: String,
    #[command(flatten)]
    logs: logs::Options,
}

/// Serves the API server until SIGTERM or SIGINT.
pub fn run(args: Args) -> Result<()> {
    args.logs.start()?;
    runtime()?.block_on(serve(args))
}

async fn serve(args: Args) -> Result<()> {
    let address = args.addr.0.context("--addr: an address to listen on is needed")?;
    let config = Config::infer().await.context("finding the API server")?;
    let client = client::impatient(config).context("setting up the client of the API server")?;
    let listener = listening::bind(address).with_context(|| format!("listening on {address}"))?;
    let namespace = options::namespace(args.namespace);
    let names = if args.names.is_empty() {
        vec![format!("wasser-webhook.{namespace}.svc")]
    } else {
        args.names
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, names = names.join(","), "starting");
    let stop = CancellationToken::new();
    signals::on_signal(stop.clone())?;
    let server = Server::new(
        listener,
        Arc::new(KubeDatasets::new(client.clone())),
        &args.file_prefetcher_image,
    );
    let keeper = Keeper {
        client,
        namespace,
        secret: args.secret,
        configuration: args.configuration,
        names,
    };
    server.run(keeper, stop).await;
    Ok(())
}
