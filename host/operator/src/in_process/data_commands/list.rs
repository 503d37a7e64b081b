//! Listing operations.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use wasser_test_api_server::{ApiServer, Verb};

use super::{Desk, NAMESPACE, condition, forbidden};
use crate::cli::data::list::{list, table};

#[tokio::test]
async fn a_cluster_without_definitions_is_told_from_one_without_operations() {
    let server = ApiServer::new();
    server.namespace(NAMESPACE);
    let desk = Desk::of(server, NAMESPACE);
    let problem = desk.refused("load demo").await;
    assert!(
        problem.contains("does not serve datasets.data.fluid.io: Wasser's definitions are not installed"),
        "{problem}"
    );
    let problem = list(&desk.session, true).await.unwrap_err().to_string();
    assert!(problem.contains("definitions are not installed"), "{problem}");

    let desk = Desk::new();
    assert!(list(&desk.session, true).await.unwrap().is_empty());
    let problem = desk.follow("dataload/warm", None).await.unwrap_err().to_string();
    assert_eq!(
        problem,
        "dataload/warm does not exist in the namespace team; there is none"
    );
}

#[tokio::test]
async fn operations_of_all_kinds_are_in_one_table() {
    let desk = Desk::new();
    for line in [
        "load demo --name warm",
        "load demo --name cold",
        "migrate --from demo --to pvc://archive/x --name out",
        "backup demo --to pvc://archive/y --name saved",
        "process demo --image i --name clean",
    ] {
        desk.create(line).await;
    }
    desk.set("warm", json!({"phase": "Executing", "infos": {"progress": "45%"}}));
    desk.set(
        "cold",
        json!({"phase": "Pending", "infos": {"progress": "waiting"},
            "conditions": condition("Waiting", "waits for DataMigrate out")}),
    );
    let mut found = list(&desk.session, false).await.unwrap();
    let now = Timestamp::now();
    let born = Time(Timestamp::from_second(now.as_second() - 190).unwrap());
    for (_, object) in &mut found {
        object.metadata.creation_timestamp = Some(born.clone());
    }
    let text = table(&found, false, now);
    assert_eq!(
        text,
        "KIND          NAME    DATASET   PHASE       PROGRESS   AGE     DURATION     WAITING FOR\n\
         DataBackup    saved   demo                             3m10s\n\
         DataLoad      cold    demo      Pending     waiting    3m10s   Unfinished   waits for DataMigrate out\n\
         DataLoad      warm    demo      Executing   45%        3m10s   Unfinished\n\
         DataMigrate   out     demo                             3m10s\n\
         DataProcess   clean   demo                             3m10s\n"
    );
    let everywhere = list(&desk.session, true).await.unwrap();
    let text = table(&everywhere, true, now);
    assert!(text.starts_with("NAMESPACE   KIND"), "{text}");
    let _armed = desk.answer(Verb::List, "datamigrates", forbidden());
    let problem = list(&desk.session, true).await.unwrap_err().to_string();
    assert!(
        problem.contains("may not list datamigrates.data.fluid.io in all namespaces"),
        "{problem}"
    );
}
