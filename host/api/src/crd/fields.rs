//! The fields of a CRD as a table, one a line, so that two CRDs can be compared without their
//! descriptions.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};

use crate::quantity::PATTERN;

/// Everything that a CRD says to the API server, as lines: first what the kind is called and how it
/// is listed, then each field as path, type, `required` or nothing, and its constraints, separated
/// by tabs. `[]` in a path is a list's element, `{}` a map's value.
pub fn field_table(crd: &CustomResourceDefinition) -> Vec<String> {
    let names = &crd.spec.names;
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default().join(",");
    let mut lines = vec![format!(
        "names\t{}\t{}\t{}\t{}\t{}",
        names.kind,
        names.plural,
        crd.spec.scope,
        list(&names.short_names),
        list(&names.categories)
    )];
    for version in &crd.spec.versions {
        version_lines(version, &mut lines);
    }
    lines
}

fn version_lines(version: &CustomResourceDefinitionVersion, lines: &mut Vec<String>) {
    lines.push(format!(
        "version\t{}\tserved={}\tstorage={}",
        version.name, version.served, version.storage
    ));
    for column in version.additional_printer_columns.iter().flatten() {
        lines.push(format!(
            "column\t{}\t{}\t{}\t{}",
            column.name,
            column.type_,
            column.json_path,
            column.priority.unwrap_or(0)
        ));
    }
    if let Some(subresources) = &version.subresources {
        if subresources.status.is_some() {
            lines.push("subresource\tstatus".to_owned());
        }
        if let Some(scale) = &subresources.scale {
            let selector = scale.label_selector_path.as_deref().unwrap_or_default();
            lines.push(format!(
                "subresource\tscale\t{}\t{}\t{selector}",
                scale.spec_replicas_path, scale.status_replicas_path
            ));
        }
    }
    let schema = version
        .schema
        .as_ref()
        .and_then(|schema| schema.open_api_v3_schema.as_ref());
    if let Some(schema) = schema {
        properties(schema, "", lines);
    }
}

fn properties(schema: &JSONSchemaProps, path: &str, lines: &mut Vec<String>) {
    for (name, property) in schema.properties.iter().flatten() {
        // The API server knows these two of every object.
        if path.is_empty() && (name == "apiVersion" || name == "kind" || name == "metadata") {
            continue;
        }
        let required = schema.required.iter().flatten().any(|required| required == name);
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        field(property, &path, required, lines);
    }
}

fn field(schema: &JSONSchemaProps, path: &str, required: bool, lines: &mut Vec<String>) {
    let kind = match (&schema.type_, schema.x_kubernetes_int_or_string) {
        (_, Some(true)) => "int-or-string",
        (Some(kind), _) => kind,
        (None, _) => "any",
    };
    lines.push(
        format!(
            "{path}\t{kind}\t{}\t{}",
            if required { "required" } else { "" },
            constraints(schema)
        )
        .trim_end()
        .to_owned(),
    );
    properties(schema, path, lines);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        field(items, &format!("{path}[]"), false, lines);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        field(values, &format!("{path}{{}}"), false, lines);
    }
}

fn constraints(schema: &JSONSchemaProps) -> String {
    let number = |number: Option<f64>| number.map(|number| number.to_string());
    let count = |count: Option<i64>| count.map(|count| count.to_string());
    let flag = |flag: Option<bool>| flag.filter(|flag| *flag).map(|flag| flag.to_string());
    let present = |present: bool| present.then(|| "present".to_owned());
    let found = BTreeMap::from([
        ("default", schema.default.as_ref().map(|default| default.0.to_string())),
        (
            "enum",
            schema.enum_.as_ref().map(|values| {
                values
                    .iter()
                    .map(|value| value.0.to_string())
                    .collect::<Vec<_>>()
                    .join(",")
            }),
        ),
        ("format", schema.format.clone()),
        (
            "pattern",
            schema.pattern.clone().map(|pattern| {
                if pattern == PATTERN {
                    "quantity".to_owned()
                } else {
                    pattern
                }
            }),
        ),
        ("minimum", number(schema.minimum)),
        ("maximum", number(schema.maximum)),
        ("minItems", count(schema.min_items)),
        ("maxItems", count(schema.max_items)),
        ("minLength", count(schema.min_length)),
        ("maxLength", count(schema.max_length)),
        ("nullable", flag(schema.nullable)),
        ("preserve", flag(schema.x_kubernetes_preserve_unknown_fields)),
        ("listType", schema.x_kubernetes_list_type.clone()),
        (
            "listMapKeys",
            schema.x_kubernetes_list_map_keys.as_ref().map(|keys| keys.join(",")),
        ),
        ("mapType", schema.x_kubernetes_map_type.clone()),
        ("anyOf", present(schema.any_of.is_some())),
        ("oneOf", present(schema.one_of.is_some())),
        ("allOf", present(schema.all_of.is_some())),
        ("not", present(schema.not.is_some())),
        ("ref", schema.ref_path.clone()),
        ("rules", present(schema.x_kubernetes_validations.is_some())),
    ]);
    found
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Compares a CRD with a table as [`field_table`] makes it, where lines starting with `#` are
/// comments. Returns what differs, a line each: `missing` and `extra` fields, and columns in
/// another order.
pub fn differences(crd: &CustomResourceDefinition, table: &str) -> Vec<String> {
    let wanted: Vec<&str> = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let found = field_table(crd);
    let mut differences: Vec<String> = wanted
        .iter()
        .filter(|line| !found.iter().any(|found| found == *line))
        .map(|line| format!("missing: {line}"))
        .collect();
    differences.extend(
        found
            .iter()
            .filter(|line| !wanted.contains(&line.as_str()))
            .map(|line| format!("extra: {line}")),
    );
    let is_column = |line: &str| line.starts_with("column\t");
    let order: Vec<&str> = found
        .iter()
        .map(String::as_str)
        .filter(|line| is_column(line))
        .collect();
    if differences.is_empty() && !wanted.into_iter().filter(|line| is_column(line)).eq(order) {
        differences.push("the columns stand in another order".to_owned());
    }
    differences
}
