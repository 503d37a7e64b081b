//! Text of users that would be something else in a line of the configuration, among arguments, or
//! for a shell: it arrives as it is, or is refused by field. Jindo's images are closed, so what
//! they do with it there is theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use support::KIT;
use wasser_jindo::Jindo;
use wasser_sdk::Implement;
use wasser_sdk::testing::{FakeHost, converse, ok};
use wasser_testkit::Rendered;
use wasser_testkit::scripts::{HOSTILE, accepted};

/// Returns a Dataset and a runtime with this text in its source, and in the values of options and
/// properties.
fn manifest(text: &str, runtime: Value) -> Vec<Value> {
    let mount = json!({"mountPoint": format!("oss://bucket/{text}/x"), "options": {"fs.oss.endpoint": "e",
        "fs.oss.more": text}});
    let settings = json!({"properties": {"all": text}, "logConfig": {"log": text},
        "fuse": {"args": [format!("-o{text}")], "logConfig": {"log": text}}});
    support::pair(mount, json!({}), wasser_testkit::merge(settings, runtime))
}

fn file(rendered: &Rendered, name: &str) -> Vec<String> {
    let map = rendered
        .objects
        .iter()
        .find(|object| object.metadata.name.as_deref() == Some("demo-jindofs-config"));
    let text = map.unwrap().data["data"][name].as_str().unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn text_is_the_value_of_its_line_and_an_argument_of_its_own() {
    let helm = KIT.helm();
    let clients = json!({"master": {"disabled": true}, "worker": {"disabled": true}});
    let plain = helm
        .render(&support::values(&manifest("plain", json!({}))).unwrap())
        .await
        .unwrap();
    let mut reached = 0;
    for text in HOSTILE {
        let Some(values) = accepted(support::values(&manifest(text, json!({}))), "JindoRuntime") else {
            continue;
        };
        reached += 1;
        let rendered = helm.render(&values).await.unwrap();
        for name in ["jindocache.cfg", "jindosdk.cfg"] {
            let expected: Vec<String> = file(&plain, name)
                .iter()
                .map(|line| line.replace(" = plain", &format!(" = {text}")))
                .collect();
            assert_eq!(file(&rendered, name), expected, "{name}");
        }
        let values = support::values(&manifest(text, clients.clone())).unwrap();
        let rendered = helm.render(&values).await.unwrap();
        let fuse = rendered
            .objects
            .iter()
            .find(|object| object.metadata.name.as_deref() == Some("demo-jindofs-fuse"))
            .unwrap();
        let args = &fuse.data["spec"]["template"]["spec"]["containers"][0]["args"];
        assert_eq!(
            *args,
            json!([
                format!("-o{text}"),
                format!("-ouri=oss://bucket/{text}/x"),
                "-ometrics_port=0"
            ])
        );
    }
    assert_eq!(reached, HOSTILE.len() - 4, "those with control characters are refused");
}

#[test]
fn sources_and_paths_reach_the_master_as_they_are() {
    let mut paths = 0;
    for text in HOSTILE {
        let documents = manifest(text, json!({}));
        for path in ["/plain".to_owned(), format!("/p{text}")] {
            let mut documents = documents.clone();
            documents[0]["spec"]["mounts"][0]["path"] = path.clone().into();
            if accepted(support::values(&documents), "JindoRuntime").is_none() {
                continue;
            }
            paths += usize::from(path != "/plain");
            let seen = Rc::new(RefCell::new(Vec::new()));
            let all = seen.clone();
            let host = FakeHost::new()
                .pod("master", "demo-jindofs-master-0", true)
                .on_exec(move |_, argv| {
                    all.borrow_mut()
                        .push(argv.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>());
                    ok("")
                });
            converse(&host, |host| {
                Jindo::prepare_ufs(&KIT.context(&documents).unwrap(), host)
            })
            .unwrap();
            let expected = ["jindocache", "-mount", &path, &format!("oss://bucket/{text}/x")];
            assert!(seen.borrow().iter().any(|argv| *argv == expected), "{seen:?}");
        }
    }
    assert!(paths >= 30, "{paths} paths were accepted");
}
