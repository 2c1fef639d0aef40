//! The JSON Schema of `db-tasks.toml`, for editors. It keeps to what drafts 4 to 2020-12 have in
//! common: some editors read an old draft.

use serde_json::{Map, Value, json};

use super::{Fallback, Kind, Setting, TABLES, all, is_name, names};
use crate::tasks;

/// A value that has a variable in it, or is left empty.
const FROM_VARIABLES: &str = r"^$|\$\{";
/// A whole number as text, or one from variables.
const NUMBER: &str = r"^\s*\+?[0-9]+\s*$|^$|\$\{";
/// A decimal number as text, or one from variables.
const SHARE: &str = r"^\s*\+?[0-9]*\.?[0-9]+\s*$|^$|\$\{";
/// `VARIABLE=value`.
const PIN: &str = "^[A-Za-z0-9_]+=.";

/// Tables that are written at more than one place.
const SHARED: [&str; 2] = ["hooks", "hooks.MOMENT"];

/// The schema of the whole file.
pub fn schema() -> Value {
    let mut root = object("");

    root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".into(), json!("db-tasks.toml"));
    root.insert("description".into(), json!("The databases of a project, and how to keep them."));
    root.insert("required".into(), json!(["databases"]));
    let shared = SHARED.map(|path| (path.to_owned(), at(path)));
    root.insert("$defs".into(), Value::Object(shared.into_iter().collect()));

    Value::Object(root)
}

/// What may be written at this dotted key.
fn at(path: &str) -> Value {
    let below = || Value::Object(object(path));
    match all().find(|setting| setting.key == path) {
        Some(setting) if parts(path).is_empty() => of_setting(setting),
        // a hook is a command, or a table
        Some(setting) => described(json!({ "anyOf": [command(), below()] }), setting),
        None => below(),
    }
}

/// A table by its keys.
fn object(path: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut others = json!(false);

    for part in parts(path) {
        let below = if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
        let value = match SHARED.contains(&below.as_str()) {
            true => reference(&below),
            false => at(&below),
        };
        match names(part) {
            Some(names) => properties.extend(names.into_iter().map(|name| (name, value.clone()))),
            None if is_name(part) => others = value,
            None => drop(properties.insert(part.into(), value)),
        }
    }

    let mut object = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("additionalProperties".to_owned(), others),
    ]);
    if !properties.is_empty() {
        object.insert("properties".into(), properties.into());
    }
    demands(path, &mut object);

    object
}

/// The next parts of all keys and tables below this path, each once.
fn parts(path: &str) -> Vec<&'static str> {
    let keys = TABLES.iter().map(|table| table.path).chain(all().map(|setting| setting.key));
    let below = keys.filter_map(|key| match path {
        "" => Some(key),
        _ => key.strip_prefix(path)?.strip_prefix('.'),
    });

    let mut parts: Vec<&str> = Vec::new();
    for part in below.filter_map(|rest| rest.split('.').next()) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

/// What the table says of itself, and which keys it must have.
fn demands(path: &str, object: &mut Map<String, Value>) {
    let Some(table) = TABLES.iter().find(|table| table.path == path) else { return };

    object.insert("description".into(), json!(table.text));
    let required: Vec<&str> = table
        .settings
        .iter()
        .filter(|setting| setting.fallback == Fallback::Required)
        .map(|setting| setting.word())
        .collect();
    if !required.is_empty() {
        object.insert("required".into(), json!(required));
    }

    let ways: Vec<Value> =
        table.exactly_one.iter().map(|key| json!({ "required": [key] })).collect();
    if !ways.is_empty() {
        object.insert("oneOf".into(), json!(ways));
    }
}

fn of_setting(setting: &Setting) -> Value {
    let words = |words: Value| {
        json!({ "anyOf": [
            { "enum": words },
            { "type": "string", "pattern": FROM_VARIABLES },
        ] })
    };

    let value = match setting.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::OneOf(known) => words(json!(known)),
        Kind::Number => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": NUMBER },
        ] }),
        Kind::Share => json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": SHARE },
        ] }),
        Kind::Port | Kind::Rhythm => json!({ "type": ["integer", "string"] }),
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Tasks(what) => {
            let known: Vec<&str> = tasks::with(what).collect();
            json!({ "type": "array", "items": words(json!(known)) })
        }
        Kind::Command => command(),
        Kind::Pin => json!({ "type": "string", "pattern": PIN }),
        Kind::Like(table) => return reference(table),
    };
    described(value, setting)
}

fn command() -> Value {
    json!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "items": { "type": "string" }, "minItems": 1 },
    ] })
}

/// The value with what an editor shows of the setting.
fn described(mut value: Value, setting: &Setting) -> Value {
    value["description"] = json!(setting.described());
    if let Fallback::Is(fallback) = setting.fallback {
        value["default"] = match setting.kind {
            Kind::Number | Kind::Switch => fallback.parse().unwrap_or_else(|_| json!(fallback)),
            _ => json!(fallback),
        };
    }
    value
}

fn reference(path: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{path}") })
}
