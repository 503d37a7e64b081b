//! `wasser plugin dev`: builds that a test chooses, one after the other.

mod others;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use wasser_pack::oci::artifact::{Artifact, Parts};
use wasser_plugin::Digest;
use wasser_test_api_server::ApiServer;

use super::{Counter, Demo, WANTS, terms};
use crate::cli::plugin::dev::changes::{Changes, Follow};
use crate::cli::plugin::dev::session::{Bench, Session};
use crate::cli::plugin::installed::consent::Consent;
use crate::cli::plugin::installed::offer::Built;
use crate::cli::plugin::installed::terms::Terms;
use crate::in_process::common::Guest;
use crate::in_process::scene::{OPERATOR, plugins};

/// A project whose next build is chosen; without one, it does not compile.
#[derive(Clone, Default)]
struct Project(Arc<Mutex<Option<Artifact>>>);

impl Project {
    fn of(demo: Demo) -> Self {
        Self(Arc::new(Mutex::new(Some(demo.artifact()))))
    }

    /// The project becomes another one. Returns the digest of its component.
    fn becomes(&self, demo: Demo) -> Digest {
        let artifact = demo.artifact();
        let digest = Digest::of(artifact.component());
        *self.0.lock() = Some(artifact);
        digest
    }

    fn breaks(&self) {
        *self.0.lock() = None;
    }

    fn build(&self) -> anyhow::Result<Artifact> {
        let Some(artifact) = self.0.lock().clone() else {
            bail!("expected `;`, found `}}`");
        };
        Ok(artifact)
    }
}

/// A demo whose values say which build it is.
fn build(version: &str, wants: &[(&str, &[&str])]) -> Demo {
    let mut demo = Demo::new(version, wants);
    let values = format!("{{\"build\": {version:?}}}");
    demo.guest = Guest::wanting(wants)
        .versioned(version)
        .answers("desired", values.as_bytes());
    demo
}

/// One that the operator refuses: its resource has another name than the CRD.
fn refused() -> Demo {
    let mut demo = Demo::new("2.0.0", &[]);
    demo.guest = Guest::default()
        .called(["DemoRuntime", "demos", "demo", "demo-fuse"])
        .versioned("2.0.0")
        .answers("desired", b"{}");
    demo.crds.clear();
    demo
}

impl Counter {
    fn session(&self, project: &Project, terms: Terms, consent: Consent) -> Session {
        Session::new(self.bench(project, terms, consent))
    }

    fn bench(&self, project: &Project, terms: Terms, consent: Consent) -> Bench {
        let project = project.clone();
        Bench {
            desk: self.desk.clone(),
            host: plugins(),
            build: Arc::new(move || project.build()),
            push: None,
            name: Some(self.name.clone()),
            built: Built {
                directory: "my-demo".to_owned(),
                file: "my demo/target/plugin/demo.oci.tar".into(),
            },
            terms,
            consent,
            screen: self.screen(),
        }
    }

    /// Returns the digest of the component that serves.
    fn served(&self) -> Value {
        self.map()["metadata"]["annotations"]["wasser.fluid.io/digest"].clone()
    }

    fn history(&self) -> Vec<Value> {
        let map = self.map();
        let text = map["metadata"]["annotations"]["wasser.fluid.io/history"].as_str();
        serde_json::from_str(text.unwrap()).unwrap()
    }
}

struct Nobody;

impl Follow for Nobody {
    fn follow(&mut self, _directory: &Path) {}
}

/// The files of a project, which change when a test says so.
struct Files {
    directory: tempfile::TempDir,
    tell: UnboundedSender<PathBuf>,
}

impl Files {
    fn new() -> (Self, Changes) {
        let directory = tempfile::tempdir().unwrap();
        let (tell, paths) = unbounded_channel();
        let changes = Changes::new(directory.path().to_owned(), paths, Box::new(Nobody));
        (Self { directory, tell }, changes)
    }

    fn save(&self, text: &str) {
        let file = self.directory.path().join("lib.rs");
        fs::write(&file, text).unwrap();
        self.tell.send(file).unwrap();
    }
}

#[tokio::test]
async fn a_build_is_registered_in_the_config_map_and_the_next_one_takes_its_place() {
    let (counter, _operator) = Counter::open().await;
    let project = Project::default();
    let first = project.becomes(build("1.0.0", &WANTS));
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    assert_eq!(session.once().await.unwrap().code(), 0);
    let shown = counter.out.text();
    for line in [
        "artifact              inline component.wasm\n",
        "CRD                   demoruntimes.data.fluid.io is created\n",
        "asks for              exec [worker]: runs commands in pods of these roles\n",
        &format!("{} created: serves DemoRuntime with the component", counter.name),
        " (build ",
        " s, serving ",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(!shown.contains("signed with"), "{shown}");
    let yaml = counter.plugin_yaml();
    assert_eq!(yaml["component"], json!({"inline": "component.wasm"}));
    assert_eq!(yaml["pullSecrets"], Value::Null, "nothing is pulled");
    assert_eq!(counter.served(), first.to_string());
    counter.scene.create_runtime();
    counter.scene.bind().await;

    // The same build changes nothing.
    let before = counter.map();
    session.once().await.unwrap();
    assert_eq!(counter.map(), before);
    let shown = counter.out.text();
    assert!(
        shown.contains("unchanged: the build has the same digest, sha256:"),
        "{shown}"
    );

    let second = project.becomes(build("1.0.1", &WANTS));
    assert_eq!(session.once().await.unwrap().code(), 0);
    assert_eq!(counter.served(), second.to_string());
    let shown = counter.out.text();
    let swapped = format!("{} changed: serves DemoRuntime", counter.name);
    let (_, line) = shown.split_once(&swapped).unwrap();
    assert_eq!(line.lines().count(), 1, "one line: {line}");
    let versions: Vec<Value> = counter.history().iter().map(|one| one["version"].clone()).collect();
    assert_eq!(versions, ["1.0.1"], "there is no component of the one before");

    // Whoever begins again finds it as it is.
    let before = counter.map();
    let mut again = counter.session(&project, terms(&[]), Consent::Absent);
    assert_eq!(again.once().await.unwrap().code(), 0);
    assert_eq!(counter.map(), before);
    assert!(counter.out.text().contains("unchanged: serves DemoRuntime"));
}

#[tokio::test]
async fn a_chart_alone_is_a_change() {
    let (counter, _operator) = Counter::open().await;
    let project = Project::of(build("1.0.0", &WANTS));
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    session.once().await.unwrap();
    let before = counter.map();
    let built = project.build().unwrap();
    let other = Artifact::new(Parts {
        name: "demo",
        version: "0.1.1",
        component: built.component(),
        chart: &super::chart(&[("worker.yaml", super::STATEFUL_SET), ("more.yaml", "# nothing\n")]),
        crds: built.crds().as_bytes(),
        plugin_yaml: built.plugin_yaml().unwrap(),
    });
    *project.0.lock() = Some(other.unwrap());
    session.once().await.unwrap();
    let now = counter.map();
    assert_eq!(now["data"], before["data"]);
    assert_ne!(now["binaryData"], before["binaryData"]);
    assert!(counter.out.text().contains(" changed: serves DemoRuntime"));
}

#[tokio::test]
async fn each_change_is_built_until_somebody_ends_it() {
    let (counter, _operator) = Counter::open().await;
    let (files, changes) = Files::new();
    let project = Project::default();
    let stop = CancellationToken::new();
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { session.run(changes, stop).await }
    });
    // A build that fails registers nothing, and its author goes on.
    counter.errors.until("expected `;`, found `}`").await;
    counter
        .errors
        .until("Nothing was registered; the next change is awaited")
        .await;
    counter.out.until("my-demo is watched; Ctrl-C ends that").await;
    assert!(
        counter
            .scene
            .server
            .object("ConfigMap", OPERATOR, &counter.name)
            .is_none()
    );

    project.becomes(build("1.0.0", &WANTS));
    files.save("one");
    counter.out.until(" created: serves DemoRuntime").await;
    let before = counter.map();

    // What serves goes on.
    project.breaks();
    files.save("two");
    let goes_on = format!("The last good build of {} goes on serving", counter.name);
    counter.errors.until(&goes_on).await;
    assert_eq!(counter.map()["data"], before["data"]);

    let next = project.becomes(build("1.0.1", &WANTS));
    files.save("three");
    counter.out.until(" changed: serves DemoRuntime").await;
    assert_eq!(counter.served(), next.to_string());

    stop.cancel();
    running.await.unwrap().unwrap();
    let remove = format!(
        "stays registered. To remove it: wasser plugin remove {} -n {OPERATOR}\n",
        counter.name
    );
    let shown = counter.out.text();
    assert!(shown.ends_with(&remove), "{shown}");
}

#[tokio::test]
async fn a_build_that_is_refused_says_why_and_the_last_good_one_goes_on() {
    let (counter, _operator) = Counter::open().await;
    let project = Project::default();
    let good = project.becomes(build("1.0.0", &WANTS));
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    session.once().await.unwrap();
    counter.scene.create_runtime();
    counter.scene.bind().await;

    // The operator refuses it.
    project.becomes(refused());
    assert_eq!(session.once().await.unwrap().code(), 1);
    let said = counter.errors.text();
    assert!(
        said.contains(&format!("Error: the operator refuses {}: ", counter.name))
            && said.contains("keeps serving")
            && said.contains(&format!("The last good build of {} goes on serving", counter.name)),
        "{said}"
    );
    assert_eq!(counter.served(), good.to_string());
    counter.scene.phase("Bound").await;

    // It is no plugin of this kind at all, and does not get so far.
    let before = counter.map();
    let mut other = build("2.0.1", &WANTS);
    other.plugin_yaml = "runtime: OtherRuntime\n";
    project.becomes(other);
    let refused = session.once().await.unwrap_err().to_string();
    assert!(
        refused.starts_with("the build of my-demo: the plugin serves DemoRuntime")
            && refused.ends_with("nothing was changed"),
        "{refused}"
    );
    assert_eq!(counter.map(), before);

    let next = project.becomes(build("2.0.2", &WANTS));
    assert_eq!(session.once().await.unwrap().code(), 0);
    assert_eq!(counter.served(), next.to_string());
}

#[tokio::test]
async fn who_ends_it_before_the_verdict_is_told_what_is_registered() {
    let counter = Counter::closed().await;
    let (_files, changes) = Files::new();
    let project = Project::of(build("1.0.0", &WANTS));
    let stop = CancellationToken::new();
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { session.run(changes, stop).await }
    });
    let name = counter.name.clone();
    let is_registered = |server: &ApiServer| server.object("ConfigMap", OPERATOR, &name).map(drop);
    counter.scene.server.until("the registration", is_registered).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let says = format!(
        "{0} is registered, and there is no verdict yet. To remove it: wasser plugin remove {0} -n {OPERATOR}\n",
        counter.name
    );
    let shown = counter.out.text();
    assert!(shown.ends_with(&says), "{shown}");
}

#[tokio::test]
async fn a_crd_of_somebody_else_that_is_another_one_is_named_in_each_round() {
    let (mut counter, _operator) = Counter::open().await;
    counter.desk.repeated = " --context staging".to_owned();
    let mut other = crate::in_process::scene::crd();
    let schema = &mut other["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    schema["properties"]["old"] = json!({"type": "string"});
    counter.scene.server.create(&other);
    let project = Project::of(build("1.0.0", &WANTS));
    let mut session = counter.session(&project, terms(&[]), Consent::Given);
    session.once().await.unwrap();
    project.becomes(build("1.0.1", &WANTS));
    session.once().await.unwrap();
    let shown = counter.out.text();
    let told = shown.matches(
        "another one than the plugin's; to apply that: wasser plugin crd 'my demo/target/plugin/demo.oci.tar' | kubectl \
         apply --server-side -f - --context staging\n",
    );
    assert_eq!(told.count(), 2, "{shown}");
}
