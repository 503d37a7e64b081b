//! Text of users that would be something else among arguments, or for the images' own script: it
//! arrives as it is, or is refused by field.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::{Value, json};
use support::KIT;
use wasser_testkit::Rendered;
use wasser_testkit::scripts::{HOSTILE, accepted};

/// Returns the pod template of a workload.
fn template(rendered: &Rendered, name: &str) -> Value {
    let objects = rendered.objects.iter();
    let mut found = objects.filter(|object| object.metadata.name.as_deref() == Some(name));
    found.next().unwrap().data["spec"]["template"].clone()
}

/// Whether a shell takes a text for one word that means itself.
fn is_harmless(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || "_.-:/@%+=,".contains(c))
}

#[tokio::test]
async fn only_what_means_itself_is_an_argument() {
    let helm = KIT.helm();
    let mut reached = 0;
    for text in HOSTILE {
        let properties = json!({"more": text});
        let spec = json!({
            "master": {"properties": properties}, "worker": {"properties": properties},
            "fuse": {"properties": properties}, "osAdvise": {"enabled": true},
        });
        let Some(values) = accepted(support::values(&support::pair(spec)), "EFCRuntime") else {
            continue;
        };
        reached += 1;
        let rendered = helm.render(&values).await.unwrap();
        for (name, at) in [
            ("demo-master", "args/3"),
            ("demo-worker", "env/0/value"),
            ("demo-fuse", "args/3"),
        ] {
            let pod = template(&rendered, name);
            let option = pod
                .pointer(&format!("/spec/containers/0/{at}"))
                .unwrap()
                .as_str()
                .unwrap();
            assert!(option.ends_with(&format!(",more={text}")), "{name}: {option}");
            assert!(is_harmless(option), "{name}: {option}");
        }
    }
    assert!((3..12).contains(&reached), "{reached} were accepted");
}

#[tokio::test]
async fn a_data_source_is_one_argument() {
    let helm = KIT.helm();
    for text in HOSTILE {
        let mount = json!({"mountPoint": format!("nfs://host:/{text}"), "name": "data"});
        let documents = KIT.pair(json!({"mounts": [mount]}), json!({"osAdvise": {"osVersion": "a"}}));
        let Some(values) = accepted(support::values(&documents), "EFCRuntime") else {
            continue;
        };
        let rendered = helm.render(&values).await.unwrap();
        for name in ["demo-master", "demo-fuse"] {
            let source = template(&rendered, name)["spec"]["containers"][0]["args"][1].clone();
            assert_eq!(source, format!("host:/{}/", text.trim_end_matches('/')), "{name}");
            assert!(is_harmless(source.as_str().unwrap()), "{source}");
        }
    }
}

#[tokio::test]
async fn text_of_pods_is_what_it_is() {
    let helm = KIT.helm();
    for text in HOSTILE {
        let spec = json!({
            "podMetadata": {"annotations": {"more": text}}, "fuse": {"nodeSelector": {"pool": text}},
        });
        let values = support::values(&support::pair(spec)).unwrap();
        let rendered = helm.render(&values).await.unwrap();
        for name in ["demo-master", "demo-worker", "demo-fuse"] {
            assert_eq!(
                template(&rendered, name)["metadata"]["annotations"]["more"],
                *text,
                "{name}"
            );
        }
        let selector = &template(&rendered, "demo-fuse")["spec"]["nodeSelector"];
        assert_eq!(*selector, json!({"pool": text, "fluid.io/f-default-demo": "true"}));
    }
}
