//! GET of one object and of collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::selectors::Selector;
use crate::state::{State, copy};

/// The form in which a client wants objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Complete.
    Whole,
    /// Only their metadata.
    Metadata,
}

impl Form {
    /// Parses the header `Accept`.
    pub fn of(accept: &str) -> Self {
        if accept.contains("as=PartialObjectMetadata") {
            Self::Metadata
        } else {
            Self::Whole
        }
    }

    /// Returns an object in this form.
    pub fn show(self, kind: &Kind, object: &Value) -> Value {
        match self {
            Self::Metadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            }),
            Self::Whole => match kind.view {
                Some(view) => (view.from_core)(object.clone()),
                None => object.clone(),
            },
        }
    }
}

/// The remainders of lists that were begun, by the token that continues each.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    begun: BTreeMap<String, Page>,
    next: u64,
}

#[derive(Debug)]
struct Page {
    items: Vec<Arc<Value>>,
    /// The version of the first page, which all pages show.
    version: u64,
}

impl State {
    /// Forgets the history, so that earlier watches and lists have to begin again.
    pub fn forget(&mut self) {
        self.store.forget();
        self.pages.begun.clear();
    }

    /// Reads an object.
    pub fn get(&self, kind: &Kind, call: &Call) -> Result<Arc<Value>, Failure> {
        self.check_version(call)?;
        let found = self.store.get(&kind.key(&call.namespace, &call.name));
        found.cloned().ok_or_else(|| Failure::not_found(kind, &call.name))
    }

    /// Returns the objects that a request selects.
    pub fn select(&self, kind: &Kind, call: &Call) -> Result<Vec<Arc<Value>>, Failure> {
        let selector = Selector::parse(kind, call.query.get("labelSelector"), call.query.get("fieldSelector"))?;
        let key = kind.key(&call.namespace, "");
        let all = self
            .store
            .list(&key.group, &key.plural, &key.namespace)
            .into_iter()
            .map(|(_, object)| object);
        Ok(all.filter(|object| selector.selects(object)).collect())
    }

    /// Reads a collection, or a page of it.
    pub fn list(&mut self, kind: &Kind, call: &Call, form: Form) -> Result<Value, Failure> {
        self.check_version(call)?;
        let page = match call.query.get("continue") {
            "" => Page {
                items: self.select(kind, call)?,
                version: self.store.version(),
            },
            token => self.pages.begun.remove(token).ok_or_else(|| {
                Failure::gone(
                    "The provided continue parameter is too old to display a consistent list result. You can start a \
                        new list without it",
                )
            })?,
        };
        let limit = call
            .query
            .get("limit")
            .parse()
            .ok()
            .filter(|limit| *limit > 0)
            .unwrap_or(usize::MAX);
        let mut items = page.items;
        let rest = items.split_off(limit.min(items.len()));
        let mut metadata = json!({"resourceVersion": page.version.to_string()});
        if !rest.is_empty() {
            self.pages.next += 1;
            let token = format!("page-{}", self.pages.next);
            metadata["continue"] = json!(token);
            metadata["remainingItemCount"] = json!(rest.len());
            let version = page.version;
            self.pages.begun.insert(token, Page { items: rest, version });
        }
        let show = |object: &Arc<Value>| {
            let mut shown = form.show(kind, object);
            // In lists, objects of Kubernetes' own kinds do not say what they are.
            if form == Form::Whole && !kind.is_custom() {
                let fields = shown.as_object_mut().into_iter();
                fields.for_each(|fields| {
                    ["kind", "apiVersion"]
                        .iter()
                        .for_each(|name| drop(fields.remove(*name)))
                });
            }
            shown
        };
        let shown: Vec<Value> = items.iter().map(show).collect();
        let (list, api_version) = match form {
            Form::Whole => (format!("{}List", kind.kind), kind.api_version()),
            Form::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
        };
        Ok(json!({"kind": list, "apiVersion": api_version, "metadata": metadata, "items": shown}))
    }

    /// Checks that the server has reached the version that a request wants at least.
    fn check_version(&self, call: &Call) -> Result<(), Failure> {
        let wanted = call.query.get("resourceVersion");
        let Ok(version) = wanted.parse::<u64>() else {
            return Ok(());
        };
        if call.query.get("resourceVersionMatch") == "Exact" && version != self.store.version() {
            return Err(Failure::bad_request(
                "resourceVersionMatch=Exact: this server in a test's process shows only the newest version",
            ));
        }
        if version > self.store.version() {
            let message = format!(
                "Too large resource version: {version}, current: {}",
                self.store.version()
            );
            return Err(Failure::new(504, "Timeout", message));
        }
        Ok(())
    }

    /// Returns an object by the name of its kind, for tests.
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let kind = self.kinds.named(kind)?;
        self.store.get(&kind.key(namespace, name)).map(copy)
    }
}
