//! `wasser data list`: the operations of all kinds in one table.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use wasser_api::operations::OperationKind;
use wasser_engine::operations::Operation;
use wasser_engine::operations::operation::{resource, status};

use super::draft::Format;
use super::names::Named;
use super::place::{PlaceArgs, Session, qualified};
use super::problem::{Attempt, Problem};
use super::state;
use super::table::{Table, age};

/// Which operations.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those of all namespaces.
    #[arg(long, short = 'A', conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Print the objects, or their names, in place of a table.
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Prints the operations.
pub async fn run(args: Args, program: &str) -> Result<ExitCode> {
    let session = args.place.session(program).await?;
    let found = list(&session, args.all_namespaces).await?;
    if found.is_empty() && matches!(args.output, None | Some(Format::Name)) {
        let place = match args.all_namespaces {
            true => "any namespace".to_owned(),
            false => format!("the namespace {}", session.namespace),
        };
        eprintln!("there are no data operations in {place}");
        return Ok(ExitCode::SUCCESS);
    }
    let text = match args.output {
        None => table(&found, args.all_namespaces, Timestamp::now()),
        Some(format) => objects(&found, format)?,
    };
    crate::cli::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the operations of all kinds that are served, by namespace, kind and name.
///
/// # Errors
/// No kind is served, or this account may not list one of them.
pub async fn list(session: &Session, everywhere: bool) -> Result<Vec<(OperationKind, DynamicObject)>, Problem> {
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    for kind in OperationKind::ALL {
        let api = if everywhere {
            Api::all_with(session.client.clone(), &resource(kind))
        } else {
            session.api(kind)
        };
        let name = qualified(kind);
        let attempt = Attempt {
            verb: "list",
            resource: &name,
            namespace: (!everywhere).then_some(&session.namespace),
            what: format!("listing the {kind}s"),
        };
        match api.list(&ListParams::default()).await {
            Ok(list) => all.extend(list.into_iter().map(|mut object| {
                // The API server leaves them out of lists.
                object.types = Some(kube::core::TypeMeta {
                    api_version: wasser_api::API_VERSION.to_owned(),
                    kind: kind.as_str().to_owned(),
                });
                object.metadata.managed_fields = None;
                (kind, object)
            })),
            Err(error) => match Problem::of(&error, &attempt) {
                problem @ Problem::NotInstalled(_) => missing.push(problem),
                problem => return Err(problem),
            },
        }
    }
    if missing.len() == OperationKind::ALL.len()
        && let Some(problem) = missing.pop()
    {
        return Err(problem);
    }
    all.sort_by_key(|(kind, object)| (object.namespace(), kind.as_str(), object.name_any()));
    Ok(all)
}

/// Returns the table of operations at a time.
pub fn table(found: &[(OperationKind, DynamicObject)], everywhere: bool, now: Timestamp) -> String {
    let mut columns = vec![
        "KIND",
        "NAME",
        "DATASET",
        "PHASE",
        "PROGRESS",
        "AGE",
        "DURATION",
        "WAITING FOR",
    ];
    if everywhere {
        columns.insert(0, "NAMESPACE");
    }
    let mut table = Table::new(columns.into_iter().map(str::to_owned).collect());
    for (kind, object) in found {
        let status = status(object);
        let datasets = Operation::read(*kind, Arc::new(object.clone())).map(|read| read.datasets());
        // Of a migration, the one that it copies from comes first.
        let datasets: Vec<String> = datasets
            .unwrap_or_default()
            .into_iter()
            .rev()
            .map(|key| key.name)
            .collect();
        let born = object.creation_timestamp().map(|at| now.as_second() - at.0.as_second());
        let mut row = vec![
            kind.as_str().to_owned(),
            object.name_any(),
            datasets.join(","),
            status.phase.to_string(),
            state::progress(object),
            born.map(age).unwrap_or_default(),
            status.duration,
            state::waits_for(object),
        ];
        if everywhere {
            row.insert(0, object.namespace().unwrap_or_default());
        }
        table.row(row);
    }
    table.text()
}

fn objects(found: &[(OperationKind, DynamicObject)], format: Format) -> Result<String> {
    if format == Format::Name {
        let name = |(kind, object): &(OperationKind, DynamicObject)| {
            let (kind, name) = (*kind, object.name_any());
            format!("{}\n", Named { kind, name }.qualified())
        };
        return Ok(found.iter().map(name).collect());
    }
    let items: Result<Vec<Value>, _> = found.iter().map(|(_, object)| serde_json::to_value(object)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items?});
    Ok(match format {
        Format::Json => format!("{}\n", serde_json::to_string_pretty(&list)?),
        _ => yaml_serde::to_string(&list)?,
    })
}
