//! `wasser plugin install` and what goes with it, against the API server, a registry, and an operator.

mod dev;
mod fetch;
mod install;
mod list;
mod remove;
mod upgrade;

use std::time::Duration;

use serde_json::Value;
use wasser_oci::{Credentials, Reference, Registry};
use wasser_pack::oci::artifact::{Artifact, Parts};
use wasser_plugin::bindings::types::Want;
use wasser_test_registry::TestRegistry;

use super::common::Guest;
use super::scene::{OPERATOR, Operator, STATEFUL_SET, Scene, chart, crd, plugins};
use crate::cli::data::screen::Screen;
use crate::cli::data::tests::Written;
use crate::cli::plugin::installed::consent::Consent;
use crate::cli::plugin::installed::desk::Desk;
use crate::cli::plugin::installed::error::ChangeError;
use crate::cli::plugin::installed::install::install;
use crate::cli::plugin::installed::offer::{Offer, fetch};
use crate::cli::plugin::installed::rollback::rollback;
use crate::cli::plugin::installed::terms::Terms;
use crate::cli::plugin::installed::upgrade::upgrade;
use crate::cli::plugin::installed::verdict::Ending;

/// The name of the commands' clients.
const USER: &str = "user";
/// The longest that a verdict takes, which is more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the plugin asks for.
const WANTS: [(&str, &[&str]); 2] = [("exec", &["worker"]), ("kinds", &["StatefulSet"])];

/// A plugin for `DemoRuntime` in an artifact.
struct Demo {
    guest: Guest,
    crds: String,
    plugin_yaml: &'static str,
}

impl Demo {
    /// Returns a version of it that asks for these capabilities.
    fn new(version: &str, wants: &[(&str, &[&str])]) -> Self {
        Self {
            guest: Guest::wanting(wants).versioned(version).answers("desired", b"{}"),
            crds: format!("{}\n", crd()),
            plugin_yaml: "runtime: DemoRuntime\ncomponent: {inline: demo.wasm}\ndigest: \"\"\n\
                          chart: {inline: demo.tgz}\nimages: {worker: demo:1}\npullSecrets: [theirs]\n",
        }
    }

    fn artifact(self) -> Artifact {
        Artifact::new(Parts {
            name: "demo",
            version: "0.1.0",
            component: &self.guest.build(),
            chart: &chart(&[("worker.yaml", STATEFUL_SET)]),
            crds: self.crds.as_bytes(),
            plugin_yaml: self.plugin_yaml,
        })
        .unwrap()
    }
}

/// A cluster whose operator pulls from a registry, and somebody who installs plugins.
struct Counter {
    scene: Scene,
    registry: TestRegistry,
    desk: Desk,
    out: Written,
    errors: Written,
    /// A name that no run of a test has had before: what served under one is kept next to the compiled
    /// plugins, which all runs share.
    name: String,
}

impl Counter {
    /// Returns one without plugins, and its operator.
    async fn open() -> (Self, Operator) {
        let counter = Self::closed().await;
        let operator = counter.scene.start_unserved();
        (counter, operator)
    }

    /// Returns one without an operator.
    async fn closed() -> Self {
        let registry = TestRegistry::start().await;
        let scene = Scene::serving(&[]).pulling_from(&registry);
        let desk = Desk {
            client: scene.server.client(USER),
            namespace: OPERATOR.to_owned(),
            repeated: String::new(),
        };
        let port = registry.host().rsplit(':').next().unwrap_or_default();
        Self {
            name: format!("demo-{port}-{}", std::process::id()),
            scene,
            desk,
            out: Written::default(),
            errors: Written::default(),
            registry,
        }
    }

    fn screen(&self) -> Screen {
        Screen::new(Box::new(self.out.clone()), Box::new(self.errors.clone()), false)
    }

    /// Pushes a plugin, and returns its tag.
    async fn push(&self, artifact: &Artifact) -> Reference {
        let tagged: Reference = format!("{}/me/demo:1", self.registry.host()).parse().unwrap();
        way().push(&tagged, artifact, &Credentials::anonymous()).await.unwrap();
        tagged
    }

    /// Pushes a plugin, and fetches it as a user does.
    async fn offer(&self, demo: Demo) -> Offer {
        let tagged = self.push(&demo.artifact()).await;
        let fetched = fetch(&way(), &tagged, &[], &Credentials::anonymous()).await.unwrap();
        Offer::load(&plugins(), fetched).await.unwrap()
    }

    async fn install(&self, offer: &Offer, terms: &Terms, mut consent: Consent) -> Result<Ending, ChangeError> {
        install(&self.desk, offer, &self.name, terms, &mut consent, &mut self.screen()).await
    }

    async fn upgrade(&self, offer: &Offer, terms: &Terms, mut consent: Consent) -> Result<Ending, ChangeError> {
        upgrade(&self.desk, offer, &self.name, terms, &mut consent, &mut self.screen()).await
    }

    async fn rollback(&self, to: Option<u32>) -> Result<Ending, ChangeError> {
        rollback(&self.desk, &self.name, to, PATIENCE, &mut self.screen()).await
    }

    /// Installs version 1.0.0, which serves then.
    async fn installed(&self) -> Offer {
        let offer = self.offer(Demo::new("1.0.0", &WANTS)).await;
        let ending = self.install(&offer, &terms(&[]), Consent::Given).await.unwrap();
        assert!(matches!(ending, Ending::Serves(_)), "{ending:?}");
        offer
    }

    /// Returns the ConfigMap.
    fn map(&self) -> Value {
        self.scene.server.object("ConfigMap", OPERATOR, &self.name).unwrap()
    }

    fn plugin_yaml(&self) -> Value {
        yaml_serde::from_str(self.map()["data"]["plugin.yaml"].as_str().unwrap()).unwrap()
    }
}

fn way() -> Registry {
    Registry {
        plain_http: true,
        ..Registry::default()
    }
}

/// Terms that give these capabilities.
fn terms(grants: &[(&str, &[&str])]) -> Terms {
    let want = |(capability, scope): &(&str, &[&str])| Want {
        capability: (*capability).to_owned(),
        scope: scope.iter().map(|text| (*text).to_owned()).collect(),
    };
    Terms {
        grants: grants.iter().map(want).collect(),
        limit: PATIENCE,
        ..Terms::default()
    }
}

/// Somebody who gives this answer.
fn answering(answer: &'static str) -> Consent {
    Consent::Asked(Box::new(move |_| Ok(answer.to_owned())))
}
