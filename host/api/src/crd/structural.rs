//! What turns a derived CRD into one that says exactly what the API `data.fluid.io/v1alpha1` says.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

/// Removes from a derived CRD what the Rust types put there and the API has not: `nullable` for
/// every `Option`, defaults that say nothing or belong to required fields, line ends in
/// descriptions, and the demand for a `spec`. Adds a default that says nothing and is there.
pub fn structural(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        if let Some(schema) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            no_longer_required(schema, "spec");
            schema.title = None;
            tidy(schema);
            // What is left out in a spec has its defaults anyway; one that is left out stays so.
            if let Some(spec) = schema
                .properties
                .as_mut()
                .and_then(|properties| properties.get_mut("spec"))
            {
                spec.default = None;
            }
        }
    }
    crd
}

fn no_longer_required(schema: &mut JSONSchemaProps, field: &str) {
    let required = schema.required.take().into_iter().flatten();
    let others: Vec<String> = required.filter(|required| required != field).collect();
    schema.required = (!others.is_empty()).then_some(others);
}

/// The field of a probe whose own field `service` Kubernetes declares with an empty text as its
/// default, and Fluid with it.
const PROBED_BY_GRPC: &str = "grpc";

fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default = schema.default.take().filter(|default| !says_nothing(&default.0));
    schema.description = schema
        .description
        .take()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some(allowed) = &mut schema.enum_ {
        allowed.retain(|value| !value.0.is_null());
    }
    let required = schema.required.as_deref().unwrap_or_default();
    for (name, property) in schema.properties.iter_mut().flatten() {
        tidy(property);
        if name == PROBED_BY_GRPC
            && let Some(service) = property
                .properties
                .as_mut()
                .and_then(|fields| fields.get_mut("service"))
        {
            service.default = Some(JSON(Value::String(String::new())));
        }
        if required.contains(name) {
            property.default = None;
        }
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(says_nothing),
    }
}
