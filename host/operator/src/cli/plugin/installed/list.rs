//! `wasser plugin list`: the plugins of a cluster in one table.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use serde::Serialize;
use wasser_plugin::{ROLLOUT_ANNOTATION, Registration, State, VERDICT_ANNOTATION, VERDICT_MESSAGE_ANNOTATION};

use super::desk::{Desk, PlaceArgs};
use super::error::ChangeError;
use super::record::{Record, VERSION, source};
use super::runtimes;
use crate::cli::data::state::plain;
use crate::cli::data::table::Table;
use crate::cli::plugin::Format;

/// How many digits of a digest are shown.
const DIGITS: usize = 12;

/// Which plugins.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print them; as JSON with all revisions.
    #[arg(long, short, value_enum, default_value = "text")]
    output: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

/// A plugin that is registered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The name of the registration.
    pub name: String,
    /// The kind that it serves.
    pub kind: String,
    /// The version, if these commands have written it.
    pub version: String,
    /// Where its component comes from.
    pub source: String,
    /// The operator's verdict.
    pub verdict: String,
    /// Its words.
    pub message: String,
    /// How far its newest build is on its way to their releases, while it is.
    pub rollout: String,
    /// How many runtimes of the kind there are; `?` if that cannot be known.
    pub runtimes: String,
    /// The number of its current revision.
    pub revision: u32,
    /// The revisions that can be gone back to.
    pub revisions: Vec<String>,
}

impl Args {
    /// Prints them.
    pub async fn run(&self) -> Result<ExitCode> {
        let desk = self.place.desk().await?;
        let (rows, troubles) = list(&desk).await?;
        troubles.iter().for_each(|trouble| eprintln!("{trouble}"));
        let text = match self.output {
            Format::Json => format!("{}\n", serde_json::to_string_pretty(&rows)?),
            Format::Text if rows.is_empty() => {
                eprintln!("no plugins are registered in the namespace {}", desk.namespace);
                return Ok(ExitCode::SUCCESS);
            }
            Format::Text => table(&rows),
        };
        crate::cli::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the plugins that are registered, and why runtimes of some of them could not be counted.
///
/// # Errors
/// The API server does not list the registrations.
pub async fn list(desk: &Desk) -> Result<(Vec<Row>, Vec<ChangeError>), ChangeError> {
    let (mut counts, mut troubles) = (BTreeMap::<String, String>::new(), Vec::new());
    let mut rows = Vec::new();
    for map in desk.registrations().await? {
        let kind = Registration::claimed_kind(&map).unwrap_or_default();
        if !counts.contains_key(&kind) {
            let count = match runtimes::of_kind(desk, &kind).await {
                Ok(found) => found.map_or_else(|| "0".to_owned(), |(_, alive)| alive.count()),
                Err(error) => {
                    troubles.push(error);
                    "?".to_owned()
                }
            };
            counts.insert(kind.clone(), count);
        }
        rows.push(row(&map, &kind, counts.get(&kind).cloned().unwrap_or_default()));
    }
    Ok((rows, troubles))
}

fn row(map: &ConfigMap, kind: &str, runtimes: String) -> Row {
    let annotation = |key: &str| map.annotations().get(key).map(|text| plain(text)).unwrap_or_default();
    let record = Record::of(map).unwrap_or_default();
    Row {
        name: map.name_any(),
        kind: plain(kind),
        version: annotation(VERSION),
        source: plain(&source(map)),
        verdict: annotation(VERDICT_ANNOTATION),
        message: annotation(VERDICT_MESSAGE_ANNOTATION),
        rollout: annotation(ROLLOUT_ANNOTATION),
        runtimes,
        revision: record.current().map_or(0, |current| current.revision),
        revisions: record
            .all()
            .map(|one| format!("{}: {}", one.revision, one.shown()))
            .collect(),
    }
}

/// Returns the table, with the operator's words on what does not serve, or not all yet, below it.
pub fn table(rows: &[Row]) -> String {
    let headings = ["NAME", "KIND", "VERSION", "REVISION", "SOURCE", "VERDICT", "RUNTIMES"];
    let mut table = Table::new(headings.map(str::to_owned).to_vec());
    let or = |text: &str, other: &str| {
        if text.is_empty() {
            other.to_owned()
        } else {
            text.to_owned()
        }
    };
    for row in rows {
        table.row(vec![
            row.name.clone(),
            row.kind.clone(),
            or(&row.version, "unknown"),
            row.revision.to_string(),
            shortened(&row.source),
            or(&row.verdict, "none yet"),
            row.runtimes.clone(),
        ]);
    }
    let troubled = rows
        .iter()
        .filter(|row| row.verdict != State::Loaded.word() && !row.message.is_empty());
    let troubled = troubled.map(|row| (&row.name, &row.message));
    let on_their_way = rows.iter().filter(|row| !row.rollout.is_empty());
    let on_their_way = on_their_way.map(|row| (&row.name, &row.rollout));
    let words: String = troubled
        .chain(on_their_way)
        .map(|(name, words)| format!("\n{name}: {words}\n"))
        .collect();
    table.text() + &words
}

/// Returns a reference with a digest by which it can be recognised.
fn shortened(source: &str) -> String {
    match source.split_once("@sha256:") {
        Some((name, digest)) => format!("{name}@sha256:{}", digest.chars().take(DIGITS).collect::<String>()),
        None => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_serve_is_explained_below_the_table() {
        let row = |name: &str, verdict: &str, message: &str| Row {
            name: name.to_owned(),
            kind: "DemoRuntime".to_owned(),
            version: if verdict.is_empty() {
                String::new()
            } else {
                "1.0.0".to_owned()
            },
            source: format!("example.com/demo@sha256:{}", "0123456789abcdef".repeat(4)),
            verdict: verdict.to_owned(),
            message: message.to_owned(),
            rollout: String::new(),
            runtimes: "3".to_owned(),
            revision: 2,
            revisions: Vec::new(),
        };
        let rows = [
            row("demo", "loaded", "serves DemoRuntime"),
            row("other", "waiting", "the kind is taken"),
            Row {
                rollout: "1 of 3 releases".to_owned(),
                ..row("third", "", "")
            },
        ];
        assert_eq!(
            table(&rows),
            "NAME    KIND          VERSION   REVISION   SOURCE                                 VERDICT    RUNTIMES\n\
             demo    DemoRuntime   1.0.0     2          example.com/demo@sha256:0123456789ab   loaded     3\n\
             other   DemoRuntime   1.0.0     2          example.com/demo@sha256:0123456789ab   waiting    3\n\
             third   DemoRuntime   unknown   2          example.com/demo@sha256:0123456789ab   none yet   3\n\
             \nother: the kind is taken\n\nthird: 1 of 3 releases\n"
        );
    }
}
