//! As much of JSON Schema as our schema uses. A keyword that is not known here is a panic: what is
//! not checked must not look checked.

use serde_json::Value;

/// What is wrong with a value, by the schema.
pub(super) fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, wanted) in schema.as_object().unwrap() {
        let is_met = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => true,
            "$ref" => {
                let target = root.pointer(wanted.as_str().unwrap().trim_start_matches('#'));
                check(root, target.unwrap(), value).map(|()| true)?
            }
            "anyOf" => ways(root, wanted, value) > 0,
            "oneOf" => ways(root, wanted, value) == 1,
            "enum" => wanted.as_array().unwrap().contains(value),
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|of| is_of(of, value)),
                of => is_of(of, value),
            },
            "minimum" => value.as_i64().is_none_or(|n| n >= wanted.as_i64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= wanted.as_f64().unwrap()),
            "minItems" => {
                value.as_array().is_none_or(|v| v.len() as u64 >= wanted.as_u64().unwrap())
            }
            "pattern" => value.as_str().is_none_or(|text| fits(wanted.as_str().unwrap(), text)),
            "required" => value.as_object().is_none_or(|object| {
                wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|key| object.contains_key(key.as_str().unwrap()))
            }),
            "items" => value
                .as_array()
                .is_none_or(|items| items.iter().all(|item| check(root, wanted, item).is_ok())),
            "properties" => {
                for (key, wanted) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        check(root, wanted, value).map_err(|e| format!("{key}: {e}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                for (key, value) in
                    others.filter(|(key, _)| !known.is_some_and(|k| k.contains_key(*key)))
                {
                    match wanted {
                        Value::Bool(false) => return Err(format!("`{key}` is not known")),
                        _ => check(root, wanted, value).map_err(|e| format!("{key}: {e}"))?,
                    }
                }
                true
            }
            other => panic!("the validator does not know `{other}`"),
        };
        if !is_met {
            return Err(format!("{value} is not as `{keyword}` wants it: {wanted}"));
        }
    }
    Ok(())
}

fn ways(root: &Value, schemas: &Value, value: &Value) -> usize {
    let schemas = schemas.as_array().unwrap().iter();
    schemas.filter(|schema| check(root, schema, value).is_ok()).count()
}

fn is_of(of: &Value, value: &Value) -> bool {
    match of.as_str().unwrap() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the validator does not know the type `{other}`"),
    }
}

/// The patterns of the schema, by hand.
fn fits(pattern: &str, text: &str) -> bool {
    let from_variables = text.is_empty() || text.contains("${");
    match pattern {
        r"^$|\$\{" => from_variables,
        r"^\s*\+?[0-9]+\s*$|^$|\$\{" => {
            let digits = text.trim();
            let digits = digits.strip_prefix('+').unwrap_or(digits);
            let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
            from_variables || is_number
        }
        r"^\s*\+?[0-9]*\.?[0-9]+\s*$|^$|\$\{" => {
            let number = text.trim();
            let number = number.strip_prefix('+').unwrap_or(number);
            let digits = number.replacen('.', "", 1);
            let is_number = number.ends_with(|c: char| c.is_ascii_digit())
                && digits.chars().all(|c| c.is_ascii_digit());
            from_variables || is_number
        }
        "^[A-Za-z0-9_]+=." => text.split_once('=').is_some_and(|(name, value)| {
            let named = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            named && !name.is_empty() && !value.is_empty()
        }),
        other => panic!("the validator does not know the pattern `{other}`"),
    }
}
