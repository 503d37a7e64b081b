//! `metadata.managedFields`: the owners of fields, and how writes change them.

use serde_json::{Value, json};

use super::{Set, Shape, compare, fields_of, merge, remove};

/// A way of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// By server-side apply.
    Apply,
    /// In any other way.
    Update,
}

/// An owner of fields. Applies and updates by one name are two owners, and so are its writes to
/// object and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub manager: String,
    pub operation: Operation,
    pub subresource: String,
    pub api_version: String,
}

impl Owner {
    /// Returns the owner as conflicts name it.
    fn describe(&self, time: &str) -> String {
        let mut text = format!("\"{}\"", self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource \"{}\"", self.subresource));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {} at {time}", self.api_version));
        }
        text
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    owner: Owner,
    time: String,
    fields: Set,
}

/// A field that an apply would change although somebody else owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The other owner.
    pub with: String,
    /// The field.
    pub field: String,
}

/// The owners of an object's fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Managers(Vec<Entry>);

impl Managers {
    /// Parses the owners of an object's fields.
    pub fn of(object: &Value) -> Self {
        let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// Writes them into an object.
    pub fn write(&self, object: &mut Value) {
        let entries: Vec<Value> = self.0.iter().map(Entry::to_json).collect();
        match object["metadata"].as_object_mut() {
            Some(metadata) if entries.is_empty() => drop(metadata.remove("managedFields")),
            Some(metadata) => drop(metadata.insert("managedFields".to_owned(), Value::Array(entries))),
            None => {}
        }
    }

    /// Makes `owner` the owner of the fields that a write changed.
    pub fn updated(&mut self, before: &Value, after: &Value, shape: &Shape<'_>, owner: Owner, now: &str) {
        let differences = compare(before, after, shape);
        let changed = differences.added.union(&differences.modified);
        let own = self.fields(&owner).difference(&differences.removed).union(&changed);
        self.take_from_others(&owner, &changed, &differences.removed);
        self.set(owner, own, now);
    }

    /// Applies a configuration to an object. Returns the object, or the fields that others own if
    /// it is not forced.
    pub fn applied(
        &mut self,
        live: &Value,
        config: &Value,
        shape: &Shape<'_>,
        (owner, force): (Owner, bool),
        now: &str,
    ) -> Result<Value, Vec<Conflict>> {
        let (before, fields) = (self.fields(&owner), fields_of(config, shape));
        let others = self.0.iter().filter(|entry| entry.owner != owner);
        let kept = others
            .fold(fields.clone(), |all, entry| all.union(&entry.fields))
            .with_ancestors();
        let merged = merge(Some(live), config, shape);
        // With what was set in an object goes what defaults have added to it.
        let dropped = before.with_ancestors().difference(&kept);
        let object = remove(&merged, &dropped, shape).unwrap_or_else(|| json!({}));

        let differences = compare(live, &object, shape);
        let changed = differences.added.union(&differences.modified);
        let conflicts = self.conflicts(&owner, &changed);
        if !force && !conflicts.is_empty() {
            return Err(conflicts);
        }
        self.take_from_others(&owner, &changed, &differences.removed);
        self.set(owner, fields, now);
        Ok(object)
    }

    fn conflicts(&self, owner: &Owner, changed: &Set) -> Vec<Conflict> {
        let others = self.0.iter().filter(|entry| entry.owner != *owner);
        let of = |entry: &Entry| -> Vec<Conflict> {
            let with = entry.owner.describe(&entry.time);
            let fields = entry.fields.intersection(changed).paths();
            fields
                .into_iter()
                .map(|field| Conflict {
                    with: with.clone(),
                    field,
                })
                .collect()
        };
        others.flat_map(of).collect()
    }

    fn take_from_others(&mut self, owner: &Owner, changed: &Set, removed: &Set) {
        for entry in self.0.iter_mut().filter(|entry| entry.owner != *owner) {
            entry.fields = entry.fields.difference(changed).difference(removed);
        }
        self.0.retain(|entry| entry.owner == *owner || !entry.fields.is_empty());
    }

    fn fields(&self, owner: &Owner) -> Set {
        let own = self.0.iter().find(|entry| entry.owner == *owner);
        own.map(|entry| entry.fields.clone()).unwrap_or_default()
    }

    /// Sets the fields of `owner`. The time stays if they are the same.
    fn set(&mut self, owner: Owner, fields: Set, now: &str) {
        match self.0.iter_mut().find(|entry| entry.owner == owner) {
            Some(entry) if entry.fields == fields => {}
            Some(entry) => (entry.fields, entry.time) = (fields, now.to_owned()),
            None => self.0.push(Entry {
                owner,
                time: now.to_owned(),
                fields,
            }),
        }
        self.0.retain(|entry| !entry.fields.is_empty());
    }
}

impl Entry {
    fn parse(entry: &Value) -> Option<Self> {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let operation = match entry["operation"].as_str()? {
            "Apply" => Operation::Apply,
            _ => Operation::Update,
        };
        Some(Self {
            owner: Owner {
                manager: text("manager"),
                operation,
                subresource: text("subresource"),
                api_version: text("apiVersion"),
            },
            time: text("time"),
            fields: Set::parse(&entry["fieldsV1"]),
        })
    }

    fn to_json(&self) -> Value {
        let operation = match self.owner.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let mut entry = json!({
            "manager": self.owner.manager, "operation": operation, "apiVersion": self.owner.api_version,
                "time": self.time,
            "fieldsType": "FieldsV1", "fieldsV1": self.fields.to_json(),
        });
        if !self.owner.subresource.is_empty() {
            entry["subresource"] = json!(self.owner.subresource);
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn shape() -> Shape<'static> {
        Shape::BuiltIn {
            kind: "ConfigMap",
            trail: Vec::new(),
        }
    }

    fn owner(manager: &str, operation: Operation) -> Owner {
        Owner {
            manager: manager.to_owned(),
            operation,
            subresource: String::new(),
            api_version: "v1".to_owned(),
        }
    }

    fn apply(
        managers: &mut Managers,
        live: &Value,
        data: Value,
        manager: &str,
        force: bool,
    ) -> Result<Value, Vec<Conflict>> {
        managers.applied(
            live,
            &json!({"data": data}),
            &shape(),
            (owner(manager, Operation::Apply), force),
            NOW,
        )
    }

    #[test]
    fn what_is_applied_no_longer_goes_unless_another_owns_it() {
        let mut managers = Managers::default();
        let one = apply(&mut managers, &json!({}), json!({"a": "1", "b": "1"}), "one", false).unwrap();
        let two = apply(&mut managers, &one, json!({"b": "1", "c": "1"}), "two", false).unwrap();
        assert_eq!(two, json!({"data": {"a": "1", "b": "1", "c": "1"}}));
        let three = apply(&mut managers, &two, json!({"d": "1"}), "one", false).unwrap();
        assert_eq!(three, json!({"data": {"b": "1", "c": "1", "d": "1"}}));
    }

    #[test]
    fn an_object_that_is_applied_no_longer_goes_with_its_defaults() {
        let (mut managers, me) = (Managers::default(), owner("one", Operation::Apply));
        let mut apply = |live: &Value, config: Value| {
            let applied = managers.applied(live, &config, &shape(), (me.clone(), false), NOW);
            applied.unwrap()
        };
        let probe = json!({"kept": 1, "probe": {"exec": {"command": ["a"]}}});
        let mut live = apply(&json!({}), probe);
        live["probe"]["periodSeconds"] = json!(10);
        assert_eq!(apply(&live, json!({"kept": 1})), json!({"kept": 1}));
    }

    #[test]
    fn a_change_of_what_another_owns_is_a_conflict_or_is_forced() {
        let mut managers = Managers::default();
        let live = json!({"data": {"a": "1"}});
        managers.updated(&json!({}), &live, &shape(), owner("somebody", Operation::Update), NOW);
        assert_eq!(
            apply(&mut managers, &live, json!({"a": "1"}), "one", false).unwrap(),
            live
        );
        let conflicts = apply(&mut managers, &live, json!({"a": "2"}), "one", false).unwrap_err();
        let conflict = Conflict {
            with: format!("\"somebody\" using v1 at {NOW}"),
            field: ".data.a".to_owned(),
        };
        assert_eq!(conflicts, [conflict]);
        let forced = apply(&mut managers, &live, json!({"a": "2"}), "one", true).unwrap();
        assert_eq!(forced["data"]["a"], "2");
        // What somebody else set, and one has taken over, one may leave out.
        let left = apply(&mut managers, &forced, json!({}), "one", false).unwrap();
        assert_eq!(left.pointer("/data/a"), None);
    }

    #[test]
    fn an_update_takes_what_it_changes() {
        let mut managers = Managers::default();
        let live = apply(&mut managers, &json!({}), json!({"a": "1", "b": "1"}), "one", false).unwrap();
        let changed = json!({"data": {"a": "2", "b": "1"}});
        managers.updated(&live, &changed, &shape(), owner("two", Operation::Update), NOW);
        let mut object = json!({"metadata": {}});
        managers.write(&mut object);
        assert_eq!(
            object["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:data": {"f:b": {}}})
        );
        assert_eq!(
            object["metadata"]["managedFields"][1]["fieldsV1"],
            json!({"f:data": {"f:a": {}}})
        );
        assert_eq!(Managers::of(&object), managers);
    }
}
