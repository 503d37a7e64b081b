//! Commands in pods, and servers in pods.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{AttachParams, LogParams};
use serde_json::json;
use tokio::io::AsyncReadExt;
use wasser_test_api_server::{ApiServer, Outcome, PodAnswer};

use crate::{api, refusal};

fn running(server: &ApiServer) {
    server.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": "node",
            "containers": [{"name": "c", "image": "i"}]},
    }));
    server.edit_status("Pod", "default", "p", |status| status["phase"] = json!("Running"));
}

#[tokio::test]
async fn a_command_prints_and_ends() {
    let server = ApiServer::new();
    running(&server);
    server.on_exec(|command| async move {
        match command.argv.first().map(String::as_str) {
            Some("df") => Outcome::printing(&"x".repeat(100_000)),
            _ => Outcome::failing(3, "what?"),
        }
    });
    let pods = api::<Pod>(&server);
    let params = AttachParams::default().stdin(false).container("c");
    let mut process = pods.exec("p", ["df", "-h"], &params).await.unwrap();
    let mut printed = String::new();
    process.stdout().unwrap().read_to_string(&mut printed).await.unwrap();
    let status = process.take_status().unwrap().await.unwrap();
    assert_eq!((printed.len(), status.status.as_deref()), (100_000, Some("Success")));

    let mut process = pods.exec("p", ["other"], &params).await.unwrap();
    let mut complaint = String::new();
    process.stderr().unwrap().read_to_string(&mut complaint).await.unwrap();
    let status = process.take_status().unwrap().await.unwrap();
    assert_eq!(
        (complaint.as_str(), status.reason.as_deref()),
        ("what?", Some("NonZeroExitCode"))
    );
    assert!(pods.exec("none", ["df"], &params).await.is_err());
}

#[tokio::test]
async fn a_server_in_a_pod_answers_through_the_api_server() {
    let server = ApiServer::new();
    running(&server);
    server.on_proxy(|request| async move {
        let body = format!("{} {} {}", request.port, request.path, request.query.get("q"))
            .into_bytes()
            .into();
        PodAnswer {
            code: if request.path == "metrics" { 200 } else { 500 },
            body,
        }
    });
    let get = |path: &str| http::Request::get(path).body(Vec::new()).unwrap();
    let client = server.client("test");
    let answer = client
        .request_text(get("/api/v1/namespaces/default/pods/p:80/proxy/metrics?q=1"))
        .await
        .unwrap();
    assert_eq!(answer, "80 metrics 1");
    assert!(
        client
            .request_text(get("/api/v1/namespaces/default/pods/p:80/proxy/x"))
            .await
            .is_err()
    );
    assert_eq!(
        refusal(
            client
                .request_text(get("/api/v1/namespaces/default/pods/none/proxy/x"))
                .await
        )
        .0,
        404
    );
}

#[tokio::test]
async fn the_log_of_a_pod_is_that_of_its_script() {
    let server = ApiServer::new();
    running(&server);
    server.on_log(|request| async move { format!("{} {} {}\n", request.pod, request.container, request.follow) });
    let pods = api::<Pod>(&server);
    let params = LogParams {
        container: Some("c".to_owned()),
        follow: true,
        ..LogParams::default()
    };
    assert_eq!(pods.logs("p", &params).await.unwrap(), "p c true\n");
    assert_eq!(refusal(pods.logs("none", &params).await).0, 404);
}
