//! The key that records are signed with: a Secret in the operator's namespace, which the first
//! replica makes and which stays when Wasser is uninstalled. Without it, records that are there
//! count as somebody else's.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use wasser_chart::{FIELD_MANAGER, KEY_BYTES, SigningKey, is_conflict};

/// The Secret's name.
const NAME: &str = "wasser-record-key";
const DATA: &str = "key";
/// Between two attempts while the API server does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Reads the key, or makes it. Waits for an API server that does not answer, as the process does
/// anyway when it starts.
///
/// # Errors
/// The account may not, or the Secret is something else.
pub async fn load(client: &Client, namespace: &str) -> Result<SigningKey> {
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    loop {
        let found = match secrets.get_opt(NAME).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => secrets.create(&params(), &fresh()?).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(secret) => return read(secret).with_context(|| format!("reading the Secret {namespace}/{NAME}")),
            // Another replica has made it.
            Err(error) if is_conflict(&error) => {}
            Err(error) if passes(&error) => {
                tracing::warn!(%error, "the key of records cannot be read yet; it is asked for again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                return Err(error).with_context(|| {
                    format!(
                        "reading or making the Secret {namespace}/{NAME}, which Helm's records are signed with; the \
                            operator needs `create` for Secrets and `get` for this one, in its own namespace"
                    )
                });
            }
        }
    }
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

fn fresh() -> Result<Secret> {
    let key = SigningKey::generate().context("making the key that records are signed with")?;
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(DATA.to_owned(), ByteString(key.to_vec()))])),
        ..Secret::default()
    })
}

fn read(secret: Secret) -> Result<SigningKey> {
    let bytes = secret.data.and_then(|mut data| data.remove(DATA));
    match bytes {
        Some(ByteString(bytes)) if bytes.len() >= KEY_BYTES => Ok(SigningKey::new(&bytes)),
        _ => bail!("its `{DATA}` has less than {KEY_BYTES} bytes; delete it, and a new one is made"),
    }
}

/// Whether the API server may answer otherwise later.
fn passes(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code >= 500 || status.code == 429,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use wasser_test_api_server::ApiServer;

    use super::*;

    #[tokio::test]
    async fn replicas_that_start_together_have_one_key() {
        let server = ApiServer::new();
        server.namespace("fluid-system");
        let (one, other) = (server.client("one"), server.client("other"));
        let (one, other) = tokio::join!(load(&one, "fluid-system"), load(&other, "fluid-system"));
        assert_eq!(format!("{:?}", one.unwrap()), format!("{:?}", other.unwrap()));
        let kept = server.object("Secret", "fluid-system", NAME).unwrap();
        load(&server.client("later"), "fluid-system").await.unwrap();
        assert_eq!(server.object("Secret", "fluid-system", NAME).unwrap(), kept);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let mut secret = fresh().unwrap();
        assert!(read(secret.clone()).is_ok());
        secret.data = Some(BTreeMap::from([(DATA.to_owned(), ByteString(vec![1; 8]))]));
        assert!(read(secret).unwrap_err().to_string().contains("less than 32 bytes"));
    }
}
