//! The plugins of a cluster.

use serde_json::json;
use wasser_test_api_server::{Effect, Failure, Fault, Verb};

use super::{Counter, USER};
use crate::cli::plugin::installed::list::{list, table};
use crate::in_process::scene::OPERATOR;

#[tokio::test]
async fn plugins_of_all_sources_are_in_one_table() {
    let (counter, _operator) = Counter::open().await;
    let offer = counter.installed().await;
    counter.scene.create_runtime();
    counter.scene.server.create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "built-in", "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
        "data": {"plugin.yaml": format!(
            "runtime: BuiltRuntime\ncomponent: {{path: built.wasm}}\nchart: {{path: built.tgz}}\ndigest: {}\n", offer.digest
        )},
    }));
    let judged = |server: &wasser_test_api_server::ApiServer| {
        let map = server.object("ConfigMap", OPERATOR, "built-in")?;
        map["metadata"]["annotations"]["wasser.fluid.io/verdict"]
            .as_str()
            .map(drop)
    };
    counter.scene.server.until("a verdict", judged).await;
    let (rows, troubles) = list(&counter.desk).await.unwrap();
    assert!(troubles.is_empty(), "{troubles:?}");
    let [built_in, demo] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    assert_eq!(
        (
            built_in.kind.as_str(),
            built_in.source.as_str(),
            built_in.verdict.as_str(),
            built_in.runtimes.as_str()
        ),
        ("BuiltRuntime", "path built.wasm", "refused", "0")
    );
    assert_eq!(
        (
            demo.version.as_str(),
            demo.verdict.as_str(),
            demo.runtimes.as_str(),
            demo.revision
        ),
        ("1.0.0", "loaded", "1", 1)
    );
    assert_eq!(demo.source, offer.reference());
    let text = table(&rows);
    assert!(
        text.contains("\nbuilt-in: ") && text.contains("no plugin directory"),
        "{text}"
    );

    let forbidden = Failure::new(403, "Forbidden", "no role says so");
    let fault = Fault::any().of(USER).verb(Verb::List).resource("demoruntimes");
    let _armed = counter.scene.server.arm(fault, Effect::Answer(forbidden));
    let (rows, troubles) = list(&counter.desk).await.unwrap();
    assert_eq!(rows[1].runtimes, "?");
    let trouble = troubles[0].to_string();
    assert!(
        trouble.contains("may not list demoruntimes.data.fluid.io in all namespaces"),
        "{trouble}"
    );
}
