//! The content of Helm's records, for tests that change it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::fluid::helm;

/// The content of a record, in an object of either driver.
pub fn decoded(object: &Value) -> Value {
    let text = object["data"]["release"].as_str().unwrap();
    let packed = match object["kind"].as_str() {
        Some("ConfigMap") => STANDARD.decode(text).unwrap(),
        _ => STANDARD.decode(STANDARD.decode(text).unwrap()).unwrap(),
    };
    serde_json::from_reader(GzDecoder::new(packed.as_slice())).unwrap()
}

/// The same, as `data.release` of a Secret.
pub fn encoded(record: &Value) -> Value {
    json!(STANDARD.encode(helm::encoded(record)))
}

/// Changes the content of a record, and nothing else of its object.
pub fn change(object: &mut Value, change: impl FnOnce(&mut Value)) {
    let mut record = decoded(object);
    change(&mut record);
    object["data"]["release"] = match object["kind"].as_str() {
        Some("ConfigMap") => json!(helm::encoded(&record)),
        _ => encoded(&record),
    };
}
