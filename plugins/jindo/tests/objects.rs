//! The objects that the chart makes of the values of each case: `cases/golden/<name>.objects.yaml`.
//! UPDATE=1 writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;
use support::KIT;
use wasser_jindo::Jindo;
use wasser_sdk::Implement;
use wasser_sdk::testing::{FakeHost, converse, ok};

#[tokio::test]
async fn objects_are_as_expected() {
    KIT.expect_objects(support::values).await;
}

#[tokio::test]
async fn values_that_do_not_fit_the_schema_are_refused() {
    let good = support::values(&support::pair(json!({}), json!({}), json!({}))).unwrap();
    let wrong = [
        ("/image", json!("")),
        ("/master/replicaCount", json!(2)),
        ("/fuse/metricsPort", json!(70_000)),
        ("/fuseImagePullPolicy", json!("Always\n          privileged: true")),
        ("/ownerDatasetId", json!("x".repeat(64))),
    ];
    KIT.expect_refused(&good, &wrong).await;
}

/// The master is given cache sets by the plugin, in the form of the chart's file.
#[tokio::test]
async fn cache_sets_that_the_master_is_given_are_those_of_the_chart() {
    let helm = KIT.helm();
    let mut cases = KIT.cases();
    let options = json!({"fs.oss.endpoint": "oss.example.com", "cacheStrategy": "DHT", "readCacheReplica": "3"});
    let odd = json!({"name": "a&b<'c'>\"d\"", "options": options});
    cases.push(("odd".to_owned(), support::pair(odd, json!({}), json!({}))));
    for (name, documents) in cases {
        if documents[1]["spec"]["master"]["disabled"] == true {
            continue;
        }
        let rendered = helm.render(&support::values(&documents).unwrap()).await.unwrap();
        let objects = rendered.objects.iter();
        let files = objects.filter_map(|object| object.data.get("data")?.get("cacheset.xml")?.as_str());
        let given = Rc::new(RefCell::new(Vec::new()));
        let inputs = given.clone();
        let host = FakeHost::new().pod("master", "m", true).on_command(move |command| {
            let input = command.stdin.map(|input| String::from_utf8_lossy(input).into_owned());
            inputs.borrow_mut().extend(input);
            ok("")
        });
        converse(&host, |host| {
            Jindo::prepare_ufs(&KIT.context(&documents).unwrap(), host)
        })
        .unwrap();
        assert_eq!(given.take(), files.collect::<Vec<_>>(), "{name}");
    }
}

/// A script would need a separate test with hostile text, as those of other charts have.
#[tokio::test]
async fn the_chart_has_no_scripts() {
    let helm = KIT.helm();
    for (name, documents) in KIT.cases() {
        let rendered = helm.render(&support::values(&documents).unwrap()).await.unwrap();
        let scripts = wasser_testkit::scripts::Script::all(&rendered);
        assert!(scripts.is_empty(), "{name}: {scripts:?}");
    }
}
