use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use wasser_plugin::{Ending, Room};

use super::*;
use crate::scenario::Scenario;

#[derive(Debug)]
struct Endless;

impl Room for Endless {
    fn take(&self, _: usize) -> bool {
        true
    }
}

fn scope() -> ObjectKey {
    ObjectKey::new("default", "demo")
}

fn scripted(yaml: &str) -> Scripted {
    let json: Value = yaml_serde::from_str(yaml).unwrap();
    let scenario: Scenario = serde_json::from_value(json).unwrap();
    Scripted::new(Vec::new(), scenario.cluster)
}

async fn run(cluster: &Scripted, argv: &[&str]) -> Result<Output, BackendError> {
    let argv: Vec<String> = argv.iter().map(|word| word.to_string()).collect();
    let command = ExecCommand {
        pod: "demo-worker-0",
        container: "c",
        argv: &argv,
        stdin: None,
        timeout: Duration::from_secs(1),
        max_output: 4,
        room: &Endless,
    };
    cluster.exec(&scope(), &command).await
}

#[tokio::test]
async fn secrets_and_objects_come_from_the_manifest() {
    let cluster = Scripted::of_objects(vec![
        json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA=="}, "stringData": {"b": "y"}}),
    ]);
    assert_eq!(cluster.secret(&scope(), "s", "a").await, Ok(Some(b"x".to_vec())));
    assert_eq!(cluster.secret(&scope(), "s", "b").await, Ok(Some(b"y".to_vec())));
    assert_eq!(cluster.secret(&scope(), "s", "c").await, Ok(None));
    assert_eq!(cluster.object(&scope(), "ConfigMap", "s").await, Ok(None));
    assert_eq!(
        cluster
            .allocate_ports(&scope(), &["a".to_owned(), "b".to_owned()])
            .await,
        Ok(vec![20_000, 20_001])
    );
    assert_eq!(
        cluster
            .allocate_ports(&scope(), &["c".to_owned(), "a".to_owned()])
            .await,
        Ok(vec![20_002, 20_000])
    );
    assert_eq!(cluster.calls().last().unwrap(), "ports c a");
}

#[tokio::test]
async fn the_first_command_that_fits_answers() {
    let cluster = scripted(
        "cluster:\n  exec:\n  - {argv: [df, ...], stdout: '12345'}\n  - {pod: '*-1', argv: [...]}\n  \
         - {argv: ['false'], exit: 1}\n  - {argv: [slow], fails: timeout}\n",
    );
    let output = run(&cluster, &["df", "-P"]).await.unwrap();
    assert_eq!(
        (output.stdout.bytes.as_slice(), output.stdout.truncated),
        (b"1234".as_slice(), true)
    );
    assert_eq!(run(&cluster, &["false"]).await.unwrap().ending, Ending::Exited(1));
    assert_eq!(run(&cluster, &["slow"]).await, Err(BackendError::Timeout));
    let unknown = run(&cluster, &["rm", "-r"]).await.unwrap_err().to_string();
    assert!(
        unknown.contains("nothing answers `exec demo-worker-0 rm -r`") && unknown.contains("`cluster.exec`"),
        "{unknown}"
    );
    assert_eq!(cluster.calls()[0], "exec demo-worker-0 df -P");
}

#[tokio::test]
async fn state_has_versions() {
    let cluster = scripted("cluster: {state: {a: x}}");
    let entry = cluster.get_state(&scope(), "a").await.unwrap().unwrap();
    let set = |value: &[u8], version| {
        let value = Some(value.to_vec());
        let cluster = &cluster;
        async move { cluster.set_state(&scope(), "a", value, version).await }
    };
    assert!(matches!(set(b"y", None).await, Err(BackendError::Conflict(_))));
    assert!(set(b"y", Some(&entry.version)).await.is_ok());
    assert!(matches!(
        set(b"z", Some(&entry.version)).await,
        Err(BackendError::Conflict(_))
    ));
    assert_eq!(cluster.state(), [("a".to_owned(), b"y".to_vec())].into());
}

#[rstest]
#[case::fails("timeout", Err(BackendError::Timeout))]
#[case::empty("empty", Ok(Ending::Exited(0)))]
#[case::endless("endless", Ok(Ending::TimedOut))]
#[tokio::test]
async fn what_is_not_mentioned_is_answered_as_the_script_says(
    #[case] otherwise: &str,
    #[case] expected: Result<Ending, BackendError>,
) {
    let cluster = scripted(&format!("cluster: {{otherwise: {otherwise}}}"));
    assert_eq!(run(&cluster, &["df"]).await.map(|output| output.ending), expected);
}
