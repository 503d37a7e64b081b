//! What Helm's engine answers: frames, each with its length before it.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

use super::{Hook, Rendered};

/// Why an answer is not what was asked for.
#[derive(Debug)]
pub enum Refusal {
    /// Helm's words about the chart or the values.
    Helm(String),
    /// The engine does not keep to its own protocol.
    Garbled(String),
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    objects: usize,
    #[serde(default)]
    sources: Option<Vec<String>>,
    #[serde(default)]
    hooks: Option<Vec<Hook>>,
}

/// The frames of one answer, read from the front.
struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    fn next(&mut self) -> Result<&'a [u8], Refusal> {
        let cut = || Refusal::Garbled("its answer ends too early".to_owned());
        let (size, rest) = self.0.split_first_chunk::<4>().ok_or_else(cut)?;
        let size = usize::try_from(u32::from_le_bytes(*size)).map_err(|_| cut())?;
        let (frame, rest) = rest.split_at_checked(size).ok_or_else(cut)?;
        self.0 = rest;
        Ok(frame)
    }

    fn text(&mut self) -> Result<String, Refusal> {
        String::from_utf8(self.next()?.to_vec()).map_err(|error| Refusal::Helm(format!("the output is not UTF-8: {error}")))
    }

    fn json<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, Refusal> {
        serde_json::from_slice(self.next()?).map_err(|error| Refusal::Garbled(format!("its answer cannot be read: {error}")))
    }

    fn head(&mut self) -> Result<Head, Refusal> {
        let head: Head = self.json()?;
        match head.error {
            Some(message) => Err(Refusal::Helm(message)),
            None => Ok(head),
        }
    }
}

/// The answer to `load`: the chart as release records have it.
pub fn loaded(bytes: &[u8]) -> Result<Arc<Value>, Refusal> {
    let mut frames = Frames(bytes);
    frames.head()?;
    Ok(Arc::new(frames.json()?))
}

/// The answer to `render`.
pub fn rendered(bytes: &[u8], chart: Arc<Value>) -> Result<Rendered, Refusal> {
    let mut frames = Frames(bytes);
    let head = frames.head()?;
    let sources = head.sources.unwrap_or_default();
    let manifest = frames.text()?;
    let notes = Some(frames.text()?).filter(|notes| !notes.is_empty());
    let mut objects = Vec::new();
    for index in 0..head.objects {
        let source = sources.get(index).map_or("", String::as_str);
        flatten(source, frames.json()?, &mut objects)?;
    }
    let mut hooks = head.hooks.unwrap_or_default();
    for hook in &mut hooks {
        hook.manifest = frames.text()?;
        hook.object = object(&hook.path, frames.json()?)?;
    }
    Ok(Rendered {
        manifest,
        objects,
        hooks,
        notes,
        chart,
    })
}

/// Takes lists apart, as Helm's client does: a policy must see what is in them.
fn flatten(source: &str, document: Value, objects: &mut Vec<DynamicObject>) -> Result<(), Refusal> {
    let mut waiting = vec![document];
    while let Some(mut document) = waiting.pop() {
        match document.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => waiting.extend(items.into_iter().rev()),
            Some(other) => {
                document["items"] = other;
                objects.extend(object(source, document)?);
            }
            None => objects.extend(object(source, document)?),
        }
    }
    Ok(())
}

/// The object of a document; none if that has only comments.
fn object(source: &str, document: Value) -> Result<Option<DynamicObject>, Refusal> {
    if document.is_null() {
        return Ok(None);
    }
    serde_json::from_value(document)
        .map(Some)
        .map_err(|error| Refusal::Helm(format!("{source}: not a Kubernetes object: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn framed(frames: &[&[u8]]) -> Vec<u8> {
        frames
            .iter()
            .flat_map(|frame| [&u32::try_from(frame.len()).unwrap().to_le_bytes(), *frame].concat())
            .collect()
    }

    #[test]
    fn an_error_is_helms_own() {
        let answer = framed(&[br#"{"error": "no"}"#]);
        assert!(matches!(loaded(&answer), Err(Refusal::Helm(message)) if message == "no"));
    }

    #[test]
    fn a_cut_answer_is_no_answer() {
        let whole = framed(&[b"{}", br#"{"metadata": {}}"#]);
        assert!(loaded(&whole).is_ok());
        for size in 0..whole.len() {
            assert!(matches!(loaded(&whole[..size]), Err(Refusal::Garbled(_))), "{size}");
        }
    }

    #[test]
    fn lists_are_taken_apart_in_order_and_comments_are_no_objects() {
        let named = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let list = json!({"kind": "List", "items": [named("a"), {"kind": "List", "items": [named("b")]}, named("c")]});
        let head = br#"{"objects": 3, "sources": ["x/templates/a.yaml", "x/templates/b.yaml", "x/templates/c.yaml"], "hooks": null}"#;
        let answer = framed(&[
            head,
            b"text",
            b"",
            list.to_string().as_bytes(),
            b"null",
            named("d").to_string().as_bytes(),
        ]);
        let rendered = rendered(&answer, Arc::new(Value::Null)).unwrap();
        let names: Vec<_> = rendered
            .objects
            .iter()
            .filter_map(|object| object.metadata.name.as_deref())
            .collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert_eq!(rendered.notes, None);
    }

    #[test]
    fn what_is_no_object_is_named() {
        let head = br#"{"objects": 1, "sources": ["x/templates/a.yaml"]}"#;
        let refused = rendered(&framed(&[head, b"", b"", br#"{"metadata": {"labels": 5}}"#]), Arc::new(Value::Null));
        assert!(matches!(refused, Err(Refusal::Helm(message)) if message.starts_with("x/templates/a.yaml: ")));
    }
}
