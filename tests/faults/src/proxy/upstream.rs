//! The API server behind the proxy, and who the proxy is there.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, crypto};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A connection to a server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A server, and how it is reached.
#[derive(Clone)]
pub struct Upstream {
    address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A kubeconfig whose user has a certificate, as those of development clusters.
#[derive(Deserialize)]
struct Kubeconfig {
    clusters: Vec<Named<ClusterOf>>,
    users: Vec<Named<UserOf>>,
}

#[derive(Deserialize)]
struct Named<T> {
    #[serde(alias = "cluster", alias = "user")]
    what: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterOf {
    server: String,
    certificate_authority_data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserOf {
    client_certificate_data: String,
    client_key_data: String,
}

impl Upstream {
    /// Returns a server without TLS.
    #[cfg(test)]
    pub fn plain(address: std::net::SocketAddr) -> Self {
        Self {
            address: address.to_string(),
            tls: None,
        }
    }

    /// Returns the server of a kubeconfig, for its user.
    pub fn of(kubeconfig: &Path) -> Result<Self> {
        let read = || {
            let text = std::fs::read_to_string(kubeconfig)?;
            let config: Kubeconfig = yaml_serde::from_str(&text)?;
            let cluster = config.clusters.into_iter().next().context("it has no cluster")?.what;
            let user = config.users.into_iter().next().context("it has no user")?.what;
            Self::new(&cluster, &user)
        };
        read().with_context(|| format!("reading {}", kubeconfig.display()))
    }

    fn new(cluster: &ClusterOf, user: &UserOf) -> Result<Self> {
        let address = cluster
            .server
            .strip_prefix("https://")
            .context("its server is not https")?;
        let address = address.trim_end_matches('/');
        let (host, _) = address.rsplit_once(':').context("its server has no port")?;
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(&STANDARD.decode(&cluster.certificate_authority_data)?) {
            roots.add(authority.context("its authority is not a certificate")?)?;
        }
        let certificate = CertificateDer::pem_slice_iter(&STANDARD.decode(&user.client_certificate_data)?)
            .collect::<Result<Vec<_>, _>>()
            .context("its user has no certificate")?;
        let key = PrivateKeyDer::from_pem_slice(&STANDARD.decode(&user.client_key_data)?);
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificate, key.context("its user has no key")?)?;
        let name = ServerName::try_from(host.to_owned()).context("its server is not a name")?;
        Ok(Self {
            address: address.to_owned(),
            tls: Some((TlsConnector::from(Arc::new(config)), name)),
        })
    }

    /// Connects.
    pub async fn connect(&self) -> Result<Box<dyn Stream>> {
        let failed = || format!("connecting to {}", self.address);
        let stream = TcpStream::connect(&self.address).await.with_context(failed)?;
        stream.set_nodelay(true).with_context(failed)?;
        Ok(match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await.with_context(failed)?),
            None => Box::new(stream),
        })
    }
}
