//! Proves that a plugin keeps the contract, without a cluster: what it says of itself, its CRD, its
//! answers to contexts that nobody means, and its chart.

mod calls;
mod case;
mod definition;
mod hostile;
mod manifests;
mod render;
mod report;
mod sane;
mod schema;
mod structural;
mod surroundings;
mod values;
mod workloads;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use serde_json::Value;
use wasser_chart::{Chart, Renderer};
use wasser_plugin::Plugin;

use crate::load::Loader;
use crate::manifest::Pair;
use calls::{Findings, Keep};
use case::Case;
pub use hostile::pods;
use manifests::Definitions;
use render::Helm;
pub use report::{Check, Finding, Outcome, Report};
use workloads::Seen;

/// After so many contexts the plugin is loaded again: what its calls may use together is for a
/// cluster, where they are spread over time.
const FRESH_AFTER: usize = 8;
/// After so many calls that did not end, no further contexts are tried: each takes as long as the
/// limits allow.
const ENDLESS: usize = 3;
/// Hostile contexts whose values are rendered.
const RENDERED: usize = 40;

/// The interfaces whose functions need a capability of the same name.
const CAPABILITIES: [&str; 7] = ["exec", "http", "secrets", "objects", "ports", "state", "events"];

/// What is checked, besides the plugin itself.
pub struct Subject<'a> {
    /// Loads the plugin.
    pub loader: &'a Loader,
    /// The CRDs in its package, that of its kind first.
    pub crds: Option<&'a [Value]>,
    /// The chart, and Helm's engine; none if there is only a component.
    pub chart: Option<(Arc<Chart>, &'a Renderer)>,
    /// Manifests that the author means to work, by name.
    pub manifests: Vec<(String, Pair)>,
    /// The directory for contexts in which something was found.
    pub keep: PathBuf,
}

impl Subject<'_> {
    /// Makes every check.
    ///
    /// # Errors
    /// The plugin cannot be loaded.
    pub async fn check(&self) -> Result<Report> {
        let plugin = self.loader.load().await?;
        let mut checks = vec![world(&plugin), grants(&plugin)];
        let crd = self.crds.and_then(|crds| crds.first());
        match (self.crds, crd) {
            (Some(crds), Some(crd)) => {
                checks.push(definition::is_accepted(crds));
                checks.push(definition::agrees(crd, &plugin.description));
            }
            _ => checks.push(Check::skipped(
                "crd",
                "the package carries no CRD; those of the cluster decide",
            )),
        }
        let schema = crd.and_then(definition::schema).cloned().unwrap_or_default();
        checks.extend(self.calls(&plugin, &schema).await?);
        Ok(Report { checks })
    }

    async fn calls(&self, plugin: &Plugin, schema: &Value) -> Result<Vec<Check>> {
        let keep = Keep { directory: &self.keep };
        let mut found = Findings::default();
        let mut accepted = Vec::new();
        let sane = sane::sane(&self.manifests, plugin, schema);
        let mut count = 0;
        let mut meant = Vec::new();
        for (at, case) in sane.iter().enumerate() {
            let values = if found.endless >= ENDLESS {
                Err("it was not tried, since too many calls before did not end".to_owned())
            } else {
                count += 1;
                calls::ask(&self.loader.load().await?, case, &keep, &mut found).await
            };
            match values {
                Ok(values) => accepted.push((case, values)),
                // Guesses need not be what a cache system can work with.
                Err(reason) if at < self.manifests.len() => meant.push(keep.finding(case, reason)),
                Err(_) => {}
            }
        }
        let definitions = Definitions::with(self.crds.unwrap_or_default());
        for case in sane.iter().take(self.manifests.len()) {
            let faults = definitions.faults(case).into_iter();
            meant.extend(faults.map(|fault| keep.finding(case, fault)));
        }
        let mut bases: Vec<Pair> = accepted.iter().map(|(case, _)| case.pair.clone()).collect();
        if bases.is_empty() {
            bases.extend(sane.first().map(|case| case.pair.clone()));
        }
        let hostile = hostile::cases(&bases, schema, &plugin.description);
        let mut rendered = Vec::new();
        for some in hostile.chunks(FRESH_AFTER) {
            let plugin = self.loader.load().await?;
            for case in some {
                if found.endless >= ENDLESS {
                    break;
                }
                count += 1;
                if let Ok(values) = calls::ask(&plugin, case, &keep, &mut found).await {
                    rendered.push((case, values));
                }
            }
        }
        let mut checks = summary(found, count, accepted.len());
        checks.push(self.meant(meant));
        checks.extend(self.charts(plugin, &accepted, rendered, &keep).await);
        Ok(checks)
    }

    /// Whether the author's manifests work as they are.
    fn meant(&self, findings: Vec<Finding>) -> Check {
        if self.manifests.is_empty() {
            return Check::skipped(
                "manifests",
                "none was given: `-f demo.yaml`, with a Dataset and its runtime",
            );
        }
        let names: Vec<&str> = self.manifests.iter().map(|(name, _)| name.as_str()).collect();
        let good = format!("{}: accepted, and valid by the CRDs", names.join(", "));
        Check::of(
            "manifests",
            good,
            findings,
            "correct the manifest, the CRD or `validate`",
        )
    }

    async fn charts(
        &self,
        plugin: &Plugin,
        accepted: &[(&Case, Value)],
        hostile: Vec<(&Case, Value)>,
        keep: &Keep<'_>,
    ) -> Vec<Check> {
        let Some((chart, renderer)) = &self.chart else {
            return vec![Check::skipped(
                "chart",
                "a component alone has none; check the ConfigMap that registers both",
            )];
        };
        if accepted.is_empty() {
            return vec![Check::skipped(
                "chart",
                "the plugin gives values for none of the manifests that were tried; give one that works: `-f \
                 demo.yaml`, with a Dataset and its runtime",
            )];
        }
        let mut helm = Helm {
            chart: chart.clone(),
            renderer,
            seen: Seen::default(),
        };
        let mut findings = Vec::new();
        for (case, values) in accepted {
            findings.extend(helm.sane(plugin, case, values.clone()).await);
        }
        let mut good = format!(
            "renders to objects that the grants allow, with {} of the manifests",
            accepted.len()
        );
        let missing = helm.seen.missing(&plugin.description.roles);
        // A guess need not want every role, and then says nothing of its workload.
        let is_guessed = self.manifests.is_empty() && !helm.seen.has_strays();
        match missing.first() {
            Some(first) if is_guessed => good.push_str(&format!("; {first}: give a manifest that wants it, with `-f`")),
            // What did not render says nothing either.
            _ if findings.is_empty() => findings.extend(missing.into_iter().map(Finding::plain)),
            _ => {}
        }
        let sane = Check::of(
            "chart",
            good,
            findings,
            "correct the chart or `describe`, or widen the grants",
        );
        let mut findings = Vec::new();
        let count = hostile.len().min(RENDERED);
        for (case, values) in hostile.into_iter().take(RENDERED) {
            if let Some(message) = helm.hostile(plugin, case, values).await {
                findings.push(keep.finding(case, message));
            }
        }
        let good = format!("renders the values of {count} hostile contexts that the plugin accepts");
        let remedy = "pass texts of users through `quote` or `toYaml`, or refuse them in `validate`";
        vec![sane, Check::of("chart texts", good, findings, remedy)]
    }
}

fn summary(found: Findings, contexts: usize, accepted: usize) -> Vec<Check> {
    let calls = found.calls;
    vec![
        Check::of(
            "answers",
            format!("{calls} calls with {contexts} contexts, hostile ones too: answers, or refusals with a message"),
            found.answers,
            "return an error that names the field",
        ),
        Check::of(
            "deterministic",
            "the same context leads to the same bytes, and to the same calls to the host",
            found.deterministic,
            "use neither the time nor a hash map's order",
        ),
        Check::of(
            "idempotent",
            "a call that is made again changes nothing",
            found.idempotent,
            "look at what there is before changing it",
        ),
        Check::of(
            "at rest",
            format!("installed values stay as they are, with {accepted} of the manifests"),
            found.rest,
            "read what must not change from `installed`",
        ),
    ]
}

fn world(plugin: &Plugin) -> Check {
    let names = |interfaces: &[wasser_plugin::Interface]| {
        let names = interfaces.iter().map(|found| interface(&found.name));
        names.collect::<Vec<_>>().join(", ")
    };
    let world = &plugin.world;
    Check::ok(
        "world",
        format!(
            "wasser:runtime {}, exports {}, imports {}",
            world.version,
            names(&world.exports),
            names(&world.imports)
        ),
    )
}

/// Compares what is imported, wanted and granted. Wanting less than is granted works, but says that
/// one of the two is not what its author means.
fn grants(plugin: &Plugin) -> Check {
    let findings = if plugin.not_declared == Default::default() {
        Vec::new()
    } else {
        let unused = plugin.not_declared.to_string();
        vec![Finding::plain(format!(
            "{unused} is granted, and `describe` does not want it"
        ))]
    };
    let mut good = format!("granted and wanted: {}", or_nothing(plugin.grants.to_string()));
    if plugin.not_given != Default::default() {
        good.push_str(&format!("; wanted and not granted: {}", plugin.not_given));
    }
    let unwanted = unwanted(plugin);
    if !unwanted.is_empty() {
        good.push_str(&format!(
            "; imported, and not wanted by `describe`, so that every call is refused: {}",
            unwanted.join(", ")
        ));
    }
    Check::of(
        "grants",
        good,
        findings,
        "let `describe` want it, or remove it from `grants`",
    )
}

/// The capabilities that are imported and never wanted. Some toolchains import all that there is.
fn unwanted(plugin: &Plugin) -> Vec<&str> {
    let wants = &plugin.description.wants;
    let names = plugin.world.imports.iter().map(|found| interface(&found.name));
    names
        .filter(|name| CAPABILITIES.contains(name) && !wants.iter().any(|want| want.capability == *name))
        .collect()
}

/// Returns `exec` of `wasser:exec/exec@0.1.0`.
fn interface(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default()
}

fn or_nothing(text: String) -> String {
    if text.is_empty() { "nothing".to_owned() } else { text }
}
