//! The columns that `kubectl get` shows of runtimes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};

/// Columns that only `kubectl get -o wide` shows.
const WIDE: i32 = 10;

/// What a kind of runtime shows of itself, besides its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// How many masters there are, and their phase.
    Masters,
    /// How many workers there are, and their phase.
    Workers,
    /// How many clients there are, and their phase.
    Fuses,
    /// Where the REST proxy is.
    ApiGateway,
}

impl Columns {
    fn definitions(self) -> Vec<CustomResourceColumnDefinition> {
        match self {
            Self::Masters => of_role("Master", "master"),
            Self::Workers => of_role("Worker", "worker"),
            Self::Fuses => of_role("Fuse", "fuse"),
            Self::ApiGateway => vec![column(
                "API Gateway",
                "string",
                ".status.apiGateway.endpoint",
                Some(WIDE),
            )],
        }
    }
}

/// Has these columns shown, and last the age.
pub(super) fn show(crd: &mut CustomResourceDefinition, columns: &[Columns]) {
    let age = column("Age", "date", ".metadata.creationTimestamp", None);
    let all = columns.iter().flat_map(|columns| columns.definitions()).chain([age]);
    let all: Vec<CustomResourceColumnDefinition> = all.collect();
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(all.clone());
    }
}

fn of_role(title: &str, role: &str) -> Vec<CustomResourceColumnDefinition> {
    vec![
        column(
            &format!("Ready {title}s"),
            "integer",
            &format!(".status.{role}NumberReady"),
            Some(WIDE),
        ),
        column(
            &format!("Desired {title}s"),
            "integer",
            &format!(".status.desired{title}NumberScheduled"),
            Some(WIDE),
        ),
        column(
            &format!("{title} Phase"),
            "string",
            &format!(".status.{role}Phase"),
            None,
        ),
    ]
}

fn column(name: &str, type_: &str, path: &str, priority: Option<i32>) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        priority,
        ..CustomResourceColumnDefinition::default()
    }
}
