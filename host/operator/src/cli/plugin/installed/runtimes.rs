//! The objects of a kind that are alive.

use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, ResourceExt};

use super::desk::Desk;
use super::error::ChangeError;
use crate::cli::data::problem::{Attempt, Problem};
use crate::served;

/// Objects that are counted one by one.
const PAGE: u32 = 500;
/// Objects that are named.
const NAMED: usize = 5;

/// The objects of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alive {
    names: Vec<String>,
    /// How many there are beyond those; `None` if there are some, and nobody says how many.
    more: Option<u64>,
}

impl Alive {
    /// Returns the objects that the API server lists.
    ///
    /// # Errors
    /// It does not.
    pub async fn of(api: &Api<DynamicObject>) -> kube::Result<Self> {
        let list = api.list_metadata(&ListParams::default().limit(PAGE)).await?;
        let remaining = list
            .metadata
            .remaining_item_count
            .and_then(|count| u64::try_from(count).ok());
        let is_whole = list.metadata.continue_.as_ref().is_none_or(String::is_empty);
        let name = |object: &kube::core::PartialObjectMeta<DynamicObject>| match object.namespace() {
            Some(namespace) => format!("{namespace}/{}", object.name_any()),
            None => object.name_any(),
        };
        Ok(Self {
            names: list.items.iter().map(name).collect(),
            more: if is_whole { Some(0) } else { remaining },
        })
    }

    /// Returns whether there are none.
    pub fn is_none(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns how many there are: `3`, or `500+` if nobody knows.
    pub fn count(&self) -> String {
        match self.more {
            Some(more) => (self.names.len() as u64 + more).to_string(),
            None => format!("{}+", self.names.len()),
        }
    }

    /// Returns the names of the first few.
    pub fn some(&self) -> String {
        let first: Vec<&str> = self.names.iter().take(NAMED).map(String::as_str).collect();
        let rest = if self.names.len() > NAMED { ", …" } else { "" };
        format!("{}{rest}", first.join(", "))
    }
}

/// Returns the runtimes of a kind in all namespaces, with their resource; `None` if the API server does
/// not serve the kind.
///
/// # Errors
/// It does not say it.
pub async fn of_kind(desk: &Desk, kind: &str) -> Result<Option<(ApiResource, Alive)>, ChangeError> {
    let found = served::resource(&desk.client, |known| known == kind).await;
    let what = format!("listing the runtimes of the kind {kind}");
    let found = found.map_err(|error| problem(&error, wasser_api::GROUP, what.clone()))?;
    let Some(found) = found else { return Ok(None) };
    let alive = Alive::of(&Api::all_with(desk.client.clone(), &found)).await;
    let alive = alive.map_err(|error| problem(&error, &qualified(&found), what))?;
    Ok(Some((found, alive)))
}

/// Returns the name of a resource with its group, as RBAC has it.
pub fn qualified(resource: &ApiResource) -> String {
    format!("{}.{}", resource.plural, resource.group)
}

fn problem(error: &kube::Error, resource: &str, what: String) -> ChangeError {
    let attempt = Attempt {
        verb: "list",
        resource,
        namespace: None,
        what,
    };
    Problem::of(error, &attempt).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(count: usize, more: Option<u64>) -> Alive {
        Alive {
            names: (0..count).map(|at| format!("team/r{at}")).collect(),
            more,
        }
    }

    #[test]
    fn the_first_few_are_named_and_all_are_counted() {
        assert_eq!(
            (alive(2, Some(0)).count(), alive(2, Some(0)).some()),
            ("2".to_owned(), "team/r0, team/r1".to_owned())
        );
        assert!(alive(6, Some(0)).some().ends_with("team/r4, …"));
        assert_eq!(alive(500, Some(12)).count(), "512");
        assert_eq!(alive(500, None).count(), "500+");
    }
}
