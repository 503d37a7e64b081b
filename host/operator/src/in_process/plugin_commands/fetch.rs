//! What can be wrong with the artifact of a plugin, before anything is asked or changed.

use rstest::rstest;
use serde_json::json;
use wasser_oci::{Credentials, PrivateKey, PublicKey};
use wasser_test_registry::{Fault, TestRegistry};

use super::{Counter, Demo, WANTS, way};
use crate::cli::plugin::installed::offer::{Offer, fetch};
use crate::in_process::scene::{crd, plugins};

#[rstest]
#[case::down(Some(Fault::Status(503)), "", "failed: it answers 503")]
#[case::page(Some(Fault::Html), "", "is this the artifact of a plugin?")]
#[case::other(
    Some(Fault::OtherManifests),
    "sha256",
    "answers with other bytes than were asked for"
)]
#[case::gone(None, ":2", "does not have it")]
#[tokio::test]
async fn a_registry_that_does_not_give_it_is_named(
    #[case] fault: Option<Fault>,
    #[case] other: &str,
    #[case] says: &str,
) {
    let counter = Counter::closed().await;
    let artifact = Demo::new("1.0.0", &WANTS).artifact();
    let tagged = counter.push(&artifact).await;
    counter.registry.fail(fault);
    let reference = match other {
        "sha256" => tagged.at(&artifact.digest()),
        ":2" => tagged.tagged("2"),
        _ => tagged,
    };
    let failed = fetch(&way(), &reference, &[], &Credentials::anonymous())
        .await
        .unwrap_err();
    let failed = failed.to_string();
    assert!(
        failed.contains(&reference.to_string()) && failed.contains(says),
        "{failed}"
    );
}

#[tokio::test]
async fn nobody_answers_where_no_registry_is() {
    let counter = Counter::closed().await;
    let tagged = counter.push(&Demo::new("1.0.0", &WANTS).artifact()).await;
    let host = counter.registry.host().to_owned();
    drop(counter);
    // Its port may be taken by another test, whose registry does not have it.
    let failed = fetch(&way(), &tagged, &[], &Credentials::anonymous())
        .await
        .unwrap_err();
    let failed = failed.to_string();
    assert!(failed.contains(&format!("pulling {host}")), "{failed}");
}

#[tokio::test]
async fn a_key_decides_whether_it_is_taken() {
    let counter = Counter::closed().await;
    let nobody = Credentials::anonymous();
    let artifact = Demo::new("1.0.0", &WANTS).artifact();
    let tagged = counter.push(&artifact).await;
    let [other, trusted] = [(); 2].map(|()| PrivateKey::generate().unwrap());
    let keys = PublicKey::parse_all(&trusted.public).unwrap();
    let fetched = async || fetch(&way(), &tagged, &keys, &nobody).await;
    let unsigned = fetched().await.unwrap_err().to_string();
    assert!(unsigned.contains("it is not signed"), "{unsigned}");
    let sign = async |key: &str| {
        let key = PrivateKey::parse(key).unwrap();
        way().sign(&tagged, &key, &nobody).await.unwrap();
    };
    sign(&other.private).await;
    let wrong = fetched().await.unwrap_err().to_string();
    assert!(wrong.contains("is by a key that is trusted here"), "{wrong}");
    sign(&trusted.private).await;
    let fetched = fetched().await.unwrap();
    assert_eq!(fetched.reference, tagged.at(&artifact.digest()));
    assert_eq!(fetched.signer, Some(keys[0].name()));
}

#[rstest]
#[case("runtime: [", "plugin.yaml: ")]
#[case(
    "runtime: OtherRuntime\n",
    "the plugin serves DemoRuntime, and plugin.yaml registers it for OtherRuntime"
)]
#[case("runtime: DemoRuntime\nlimits: {memory: lots}\n", "limits.memory")]
#[case("runtime: DemoRuntime\nhooks: {}\n", "there is no field `hooks`")]
#[tokio::test]
async fn an_artifact_that_proposes_nonsense_is_refused_before_anybody_is_asked(
    #[case] proposes: &'static str,
    #[case] says: &str,
) {
    let registry = TestRegistry::start().await;
    let tagged = format!("{}/me/demo:1", registry.host()).parse().unwrap();
    let mut demo = Demo::new("1.0.0", &WANTS);
    demo.plugin_yaml = proposes;
    let nobody = Credentials::anonymous();
    way().push(&tagged, &demo.artifact(), &nobody).await.unwrap();
    let fetched = fetch(&way(), &tagged, &[], &nobody).await.unwrap();
    let refused = Offer::load(&plugins(), fetched).await.err().unwrap().to_string();
    assert!(
        refused.contains(&tagged.to_string()) && refused.contains(says) && refused.contains("nothing was changed"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_crd_whose_objects_a_webhook_converts_is_refused() {
    let counter = Counter::closed().await;
    let mut demo = Demo::new("1.0.0", &WANTS);
    let mut converted = crd();
    converted["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "clientConfig": {"url": "https://example.com"}, "conversionReviewVersions": ["v1"],
    }});
    demo.crds = format!("{converted}\n");
    let tagged = counter.push(&demo.artifact()).await;
    let fetched = fetch(&way(), &tagged, &[], &Credentials::anonymous()).await.unwrap();
    let refused = Offer::load(&plugins(), fetched).await.err().unwrap().to_string();
    assert!(
        refused.contains("its CRD demoruntimes.data.fluid.io has objects converted by a webhook")
            && refused.ends_with("nothing was changed"),
        "{refused}"
    );
}
