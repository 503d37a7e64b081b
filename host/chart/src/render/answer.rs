//! What Helm's engine answers: frames, each with its length before it.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

use super::{Hook, Rendered};

/// Objects that a chart may render, hooks included. Each is a request, and charts of caches have
/// some twenty.
const MAX_OBJECTS: usize = 500;
/// Bytes that all of them may have, as text and as JSON together.
const MAX_BYTES: usize = 16 << 20;

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
        String::from_utf8(self.next()?.to_vec())
            .map_err(|error| Refusal::Helm(format!("the output is not UTF-8: {error}")))
    }

    fn json<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, Refusal> {
        serde_json::from_slice(self.next()?)
            .map_err(|error| Refusal::Garbled(format!("its answer cannot be read: {error}")))
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
    limit("bytes of objects", bytes.len(), MAX_BYTES)?;
    // Before they are parsed, and again when lists have been taken apart.
    limit("objects", head.objects, MAX_OBJECTS)?;
    let sources = head.sources.unwrap_or_default();
    let manifest = frames.text()?;
    let notes = Some(frames.text()?).filter(|notes| !notes.is_empty());
    let mut objects = Vec::new();
    for index in 0..head.objects {
        let source = sources.get(index).map_or("", String::as_str);
        flatten(source, frames.json()?, &mut objects)?;
    }
    let mut hooks = head.hooks.unwrap_or_default();
    limit("objects", objects.len() + hooks.len(), MAX_OBJECTS)?;
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

/// Refuses what is too much, by both numbers.
fn limit(of: &str, found: usize, allowed: usize) -> Result<(), Refusal> {
    if found <= allowed {
        return Ok(());
    }
    Err(Refusal::Helm(format!(
        "it renders {found} {of}, and {allowed} are allowed; lower the number or size in the manifest that the chart \
            multiplies"
    )))
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
        let sources = ["x/templates/a.yaml", "x/templates/b.yaml", "x/templates/c.yaml"];
        let head = json!({"objects": 3, "sources": sources, "hooks": null}).to_string();
        let answer = framed(&[
            head.as_bytes(),
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
    fn a_chart_may_not_render_without_limit() {
        let refused = |head: &[u8], document: &Value| {
            let answer = framed(&[head, b"", b"", document.to_string().as_bytes()]);
            match rendered(&answer, Arc::new(Value::Null)) {
                Err(Refusal::Helm(message)) => message,
                other => panic!("{other:?}"),
            }
        };
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}});
        assert!(refused(br#"{"objects": 5001}"#, &service).starts_with("it renders 5001 objects, and 500 are allowed"));
        let list = json!({"kind": "List", "items": vec![service.clone(); 501]});
        assert!(refused(br#"{"objects": 1}"#, &list).starts_with("it renders 501 objects"));
        let large = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
            "data": {"a": "x".repeat(MAX_BYTES)}});
        assert!(refused(br#"{"objects": 1}"#, &large).contains("bytes of objects, and 16777216 are allowed"));
        let list = json!({"kind": "List", "items": vec![service; 500]});
        assert!(
            rendered(
                &framed(&[br#"{"objects": 1}"#, b"", b"", list.to_string().as_bytes()]),
                Arc::new(Value::Null)
            )
            .is_ok()
        );
    }

    #[test]
    fn what_is_no_object_is_named() {
        let head = br#"{"objects": 1, "sources": ["x/templates/a.yaml"]}"#;
        let refused = rendered(
            &framed(&[head, b"", b"", br#"{"metadata": {"labels": 5}}"#]),
            Arc::new(Value::Null),
        );
        assert!(matches!(refused, Err(Refusal::Helm(message)) if message.starts_with("x/templates/a.yaml: ")));
    }
}
