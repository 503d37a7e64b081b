//! Tests pushing and pulling, and what registries do wrong.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::time::Duration;

use rstest::rstest;
use wasser_oci::{Cause, Credentials, PrivateKey, PublicKey, Reference, Registry};
use wasser_pack::oci::manifest::MANIFEST;
use wasser_test_registry::{Fault, TestRegistry, demo as artifact};

fn client() -> Registry {
    Registry {
        plain_http: true,
        ..Registry::default()
    }
}

/// A client with little patience for a registry that never answers. One that answers may be late, on
/// a busy machine.
fn client_at(fault: &Fault) -> Registry {
    let mut client = client();
    if *fault == Fault::Hangs {
        client.limits.pause = Duration::from_millis(200);
    }
    client
}

fn demo(registry: &TestRegistry) -> Reference {
    format!("{}/me/demo:0.1.0", registry.host()).parse().unwrap()
}

/// What it says if pulling fails.
async fn refused(reference: &Reference, credentials: &Credentials) -> String {
    client().pull(reference, credentials).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_is_pushed_is_pulled_by_tag_and_by_digest() {
    let registry = TestRegistry::start().await;
    let (tagged, nobody) = (demo(&registry), Credentials::anonymous());
    let pushed = client().push(&tagged, &artifact(b"chart"), &nobody).await.unwrap();
    assert_eq!(
        pushed.to_string(),
        format!("{}/me/demo:0.1.0@{}", registry.host(), artifact(b"chart").digest())
    );
    for reference in [&tagged, &pushed, &tagged.at(&artifact(b"chart").digest())] {
        assert_eq!(client().pull(reference, &nobody).await.unwrap(), artifact(b"chart"));
    }
    assert_eq!(
        client().resolve(&tagged, &nobody).await.unwrap(),
        artifact(b"chart").digest()
    );

    // The tag goes on to another artifact, and the digest stays where it is. What the registry has, is
    // not sent again.
    registry.requests();
    client().push(&tagged, &artifact(b"other"), &nobody).await.unwrap();
    let sent = registry
        .requests()
        .iter()
        .filter(|request| request.starts_with("POST"))
        .count();
    assert_eq!(sent, 2, "config and chart are new");
    assert_eq!(client().pull(&pushed, &nobody).await.unwrap(), artifact(b"chart"));
    assert_eq!(client().pull(&tagged, &nobody).await.unwrap(), artifact(b"other"));
}

#[tokio::test]
async fn credentials_are_needed_and_shown_to_this_registry_only() {
    let registry = TestRegistry::start().await;
    registry.require("me", "secret");
    let me = Credentials::user("me", "secret");
    client().push(&demo(&registry), &artifact(b"chart"), &me).await.unwrap();
    assert_eq!(client().pull(&demo(&registry), &me).await.unwrap(), artifact(b"chart"));

    let says = refused(&demo(&registry), &Credentials::anonymous()).await;
    assert!(
        says.starts_with(&format!("pulling {}: ", demo(&registry)))
            && says.contains("does not allow it to somebody without credentials")
            && says.contains("docker login"),
        "{says}"
    );
    let says = refused(&demo(&registry), &Credentials::user("me", "wrong")).await;
    assert!(says.contains("to the user me") && !says.contains("wrong"), "{says}");

    // Nobody on the way reads them.
    let elsewhere: Reference = "registry.example.com/me/demo:1".parse().unwrap();
    let says = refused(&elsewhere, &me).await;
    assert!(
        says.ends_with("credentials are not sent unencrypted to registry.example.com; speak to it with encryption, or without credentials"),
        "{says}"
    );
}

#[tokio::test]
async fn credentials_are_not_sent_unencrypted_for_a_token() {
    let registry = TestRegistry::start().await;
    let me = Credentials::user("me", "secret");
    registry.fail(Fault::Realm("http://tokens.example.com/token".to_owned()));
    let says = refused(&demo(&registry), &me).await;
    assert!(
        says.contains(
            "user and password sent unencrypted to http://tokens.example.com/token for a token, so they are not"
        ),
        "{says}"
    );
    assert_eq!(registry.requests(), ["GET /v2/"]);

    // On this machine nobody listens.
    registry.fail(Fault::Token("abc".to_owned()));
    client().push(&demo(&registry), &artifact(b"chart"), &me).await.unwrap();
    assert_eq!(client().pull(&demo(&registry), &me).await.unwrap(), artifact(b"chart"));
}

#[rstest]
#[case::error(Fault::Status(503), "it answers 503")]
#[case::too_many(Fault::Status(429), "it answers 429")]
#[case::forbidden(Fault::Status(403), "does not allow it to somebody without credentials")]
#[case::slow(Fault::Hangs, "did not answer in time (200ms)")]
#[case::page_of_login(Fault::Html, "the manifest cannot be read")]
#[case::other_manifest(Fault::OtherManifests, "answers with other bytes than were asked for")]
#[case::other_blob(Fault::OtherBlobs, "answers with other bytes than were asked for")]
#[case::endless_blob(Fault::EndlessBlobs, "answers with other bytes than were asked for: more than the")]
#[case::odd_token(Fault::Token("two\\nlines".to_owned()), "its token has characters that no header may have")]
#[tokio::test]
async fn what_a_registry_does_wrong_is_told_and_nothing_of_it_used(#[case] fault: Fault, #[case] says: &str) {
    let registry = TestRegistry::start().await;
    let nobody = Credentials::anonymous();
    let pushed = client()
        .push(&demo(&registry), &artifact(b"chart"), &nobody)
        .await
        .unwrap();
    registry.fail(fault.clone());
    let reference = if fault == Fault::Html { demo(&registry) } else { pushed };
    let refused = client_at(&fault).pull(&reference, &nobody).await.unwrap_err();
    // What a registry answers may be another thing tomorrow, if the digest was asked for.
    assert_eq!(refused.cause.needs_change(), fault == Fault::Html, "{refused}");
    let said = refused.to_string();
    let begin = format!("pulling {reference}: ");
    assert!(said.starts_with(&begin) && said.contains(says), "{said}");
    if !matches!(fault, Fault::OtherManifests | Fault::OtherBlobs | Fault::EndlessBlobs) {
        let said = client_at(&fault)
            .push(&demo(&registry), &artifact(b"new"), &nobody)
            .await
            .unwrap_err();
        assert!(said.to_string().starts_with("pushing "), "{said}");
    }

    registry.fail(None);
    assert_eq!(client().pull(&reference, &nobody).await.unwrap(), artifact(b"chart"));
}

#[tokio::test]
async fn a_registry_that_is_down_or_has_nothing_says_so() {
    let registry = TestRegistry::start().await;
    let says = refused(&demo(&registry), &Credentials::anonymous()).await;
    assert!(
        says.contains("does not have it (") && says.contains("check repository, tag and digest"),
        "{says}"
    );
    let reference = demo(&registry);
    drop(registry);
    let down = client().pull(&reference, &Credentials::anonymous()).await.unwrap_err();
    assert!(
        matches!(down.cause, Cause::Unreachable { .. }) && !down.cause.is_lasting(),
        "{down}"
    );
}

#[tokio::test]
async fn a_redirect_leads_to_the_same_bytes() {
    let (registry, front) = (TestRegistry::start().await, TestRegistry::start().await);
    let nobody = Credentials::anonymous();
    let pushed = client()
        .push(&demo(&registry), &artifact(b"chart"), &nobody)
        .await
        .unwrap();
    front.fail(Fault::Redirects(registry.host().to_owned()));
    let reference = demo(&front).at(pushed.digest().unwrap());
    assert_eq!(client().pull(&reference, &nobody).await.unwrap(), artifact(b"chart"));
    registry.fail(Fault::OtherManifests);
    assert!(refused(&reference, &nobody).await.contains("other bytes"));
    // Round and round.
    front.fail(Fault::Redirects(front.host().to_owned()));
    let says = refused(&reference, &nobody).await;
    assert!(says.contains("too many redirects"), "{says}");
}

#[tokio::test]
async fn an_artifact_that_is_not_a_plugin_is_told_what_it_lacks() {
    let registry = TestRegistry::start().await;
    let mut manifest: serde_json::Value = serde_json::from_slice(artifact(b"chart").manifest()).unwrap();
    manifest["layers"].as_array_mut().unwrap().remove(1);
    registry.put_manifest("me/demo", "0.1.0", MANIFEST, manifest.to_string().as_bytes());
    let refused = client()
        .pull(&demo(&registry), &Credentials::anonymous())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("the artifact has no chart"), "{refused}");
    assert!(refused.cause.is_lasting());

    let no_tag: Reference = format!("{}/me/demo", registry.host()).parse().unwrap();
    let refused = client()
        .push(&no_tag, &artifact(b"chart"), &Credentials::anonymous())
        .await
        .unwrap_err();
    assert!(refused.to_string().ends_with("/me/demo:VERSION"), "{refused}");
}

#[tokio::test]
async fn only_the_parts_of_a_plugin_are_fetched() {
    let registry = TestRegistry::start().await;
    let nobody = Credentials::anonymous();
    client()
        .push(&demo(&registry), &artifact(b"chart"), &nobody)
        .await
        .unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(artifact(b"chart").manifest()).unwrap();
    manifest["layers"].as_array_mut().unwrap().push(serde_json::json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": format!("sha256:{:064}", 1), "size": 60 << 20,
    }));
    registry.put_manifest("me/demo", "0.1.0", MANIFEST, manifest.to_string().as_bytes());
    registry.requests();
    let pulled = client().pull(&demo(&registry), &nobody).await.unwrap();
    assert_eq!(pulled.chart(), b"chart");
    let asked = registry.requests();
    let blobs = asked.iter().filter(|request| request.contains("/blobs/")).count();
    assert_eq!(blobs, 5, "config, component, chart, CRDs and plugin.yaml: {asked:?}");

    for layer in manifest["layers"].as_array_mut().unwrap() {
        layer["size"] = (60 << 20).into();
    }
    registry.put_manifest("me/demo", "0.1.0", MANIFEST, manifest.to_string().as_bytes());
    registry.requests();
    let says = refused(&demo(&registry), &nobody).await;
    assert!(says.contains("bytes together; a plugin has at most"), "{says}");
    assert!(!registry.requests().iter().any(|request| request.contains("/blobs/")));
}

#[tokio::test]
async fn a_registry_that_says_too_little_is_no_obstacle() {
    let registry = TestRegistry::start().await;
    registry.fail(Fault::Terse);
    let nobody = Credentials::anonymous();
    let pushed = client()
        .push(&demo(&registry), &artifact(b"chart"), &nobody)
        .await
        .unwrap();
    assert_eq!(client().pull(&pushed, &nobody).await.unwrap(), artifact(b"chart"));
}

#[tokio::test]
async fn signatures_of_several_keys_are_kept_where_cosign_looks_for_them() {
    let registry = TestRegistry::start().await;
    let nobody = Credentials::anonymous();
    let pushed = client()
        .push(&demo(&registry), &artifact(b"chart"), &nobody)
        .await
        .unwrap();
    let pairs = [(); 3].map(|()| PrivateKey::generate().unwrap());
    let public = pairs.each_ref().map(|pair| PublicKey::parse_all(&pair.public).unwrap());
    let private = pairs.each_ref().map(|pair| PrivateKey::parse(&pair.private).unwrap());
    let verify = async |reference: &Reference, number: usize| {
        let verified = client().verify(reference, &public[number], &nobody).await;
        verified.map(|(_, key)| key.clone()).map_err(|error| error.to_string())
    };

    let unsigned = client().verify(&pushed, &public[0], &nobody).await.unwrap_err();
    assert!(
        unsigned.cause.needs_change() && !unsigned.cause.is_lasting(),
        "{unsigned}"
    );
    let says = verify(&pushed, 0).await.unwrap_err();
    assert!(
        says.starts_with(&format!("verifying {pushed}: it is not signed (there is no ")) && says.contains(".sig)"),
        "{says}"
    );
    for key in &private[..2] {
        assert_eq!(client().sign(&demo(&registry), key, &nobody).await.unwrap(), pushed);
    }
    let hex = pushed.digest().unwrap().trim_start_matches("sha256:");
    assert!(registry.tags("me/demo").contains(&format!("sha256-{hex}.sig")));
    assert_eq!(verify(&pushed, 0).await.unwrap(), public[0][0]);
    assert_eq!(verify(&demo(&registry), 1).await.unwrap(), public[1][0]);
    let says = verify(&pushed, 2).await.unwrap_err();
    assert!(
        says.contains(&format!(
            "none of its 2 signatures is by a key that is trusted here ({})",
            public[2][0].name()
        )),
        "{says}"
    );

    // One of something else does not count, wherever somebody puts it.
    let other = client()
        .push(&demo(&registry), &artifact(b"other"), &nobody)
        .await
        .unwrap();
    let from = registry.manifest("me/demo", &format!("sha256-{hex}.sig"));
    let hex = other.digest().unwrap().trim_start_matches("sha256:");
    registry.put_manifest("me/demo", &format!("sha256-{hex}.sig"), MANIFEST, &from);
    let says = verify(&other, 0).await.unwrap_err();
    assert!(says.contains("none of its 2 signatures"), "{says}");
}

#[tokio::test]
async fn a_key_signs_once_and_nothing_is_signed_that_nobody_would_look_at() {
    let registry = TestRegistry::start().await;
    let nobody = Credentials::anonymous();
    let pushed = client()
        .push(&demo(&registry), &artifact(b"chart"), &nobody)
        .await
        .unwrap();
    let hex = pushed.digest().unwrap().trim_start_matches("sha256:").to_owned();
    let tag = format!("sha256-{hex}.sig");
    let layers = || {
        let manifest: serde_json::Value = serde_json::from_slice(&registry.manifest("me/demo", &tag)).unwrap();
        manifest["layers"].as_array().unwrap().clone()
    };
    let key = || PrivateKey::parse(&PrivateKey::generate().unwrap().private).unwrap();
    let first = key();
    for _ in 0..2 {
        client().sign(&pushed, &first, &nobody).await.unwrap();
    }
    assert_eq!(layers().len(), 1, "the second one adds nothing");

    // What others keep there stays.
    let mut manifest: serde_json::Value = serde_json::from_slice(&registry.manifest("me/demo", &tag)).unwrap();
    let mut foreign = manifest["layers"][0].clone();
    foreign["mediaType"] = "application/vnd.example".into();
    manifest["layers"].as_array_mut().unwrap().push(foreign.clone());
    registry.put_manifest("me/demo", &tag, MANIFEST, &serde_json::to_vec(&manifest).unwrap());
    let mut last = key();
    for _ in 1..32 {
        last = key();
        client().sign(&pushed, &last, &nobody).await.unwrap();
        client().verify(&pushed, &[last.public()], &nobody).await.unwrap();
    }
    assert_eq!(layers().len(), 33);
    assert!(layers().contains(&foreign), "{:?}", layers());
    client().verify(&pushed, &[first.public()], &nobody).await.unwrap();

    let refused = client().sign(&pushed, &key(), &nobody).await.unwrap_err().to_string();
    assert!(refused.contains("has 32 signatures already"), "{refused}");
    client().sign(&pushed, &last, &nobody).await.unwrap();
}
