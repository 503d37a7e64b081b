//! The key that records are signed with: a Secret in the operator's namespace, which the first
//! replica makes and which stays when Wasser is uninstalled. Without it, records that are there
//! count as somebody else's.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use kube::{Api, Client};
use wasser_chart::{KEY_BYTES, SigningKey};
use wasser_engine::{is_conflict, post_params};

use crate::answered::until_answered;

/// The Secret's name.
const NAME: &str = "wasser-record-key";
const DATA: &str = "key";

/// Reads the key, or makes it.
///
/// # Errors
/// The account may not, or the Secret is something else.
pub async fn load(client: &Client, namespace: &str) -> Result<SigningKey> {
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let fresh = fresh()?;
    let secret = until_answered("the key of records", || find_or_make(&secrets, &fresh));
    let secret = secret.await.with_context(|| {
        format!(
            "reading or making the Secret {namespace}/{NAME}, which Helm's records are signed with; the operator needs \
                `create` for Secrets and `get` for this one, in its own namespace"
        )
    })?;
    read(secret).with_context(|| format!("reading the Secret {namespace}/{NAME}"))
}

async fn find_or_make(secrets: &Api<Secret>, fresh: &Secret) -> kube::Result<Secret> {
    loop {
        if let Some(found) = secrets.get_opt(NAME).await? {
            return Ok(found);
        }
        match secrets.create(&post_params(), fresh).await {
            // Another replica has made it.
            Err(error) if is_conflict(&error) => {}
            made => return made,
        }
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
