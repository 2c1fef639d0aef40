//! A manifest's digest of its own: over what nobody else checks in it, and a backup is judged by.
//!
//! It is of what a manifest says, not of its bytes: spaces, and the order of keys, are nobody's business. When a backup was made, and
//! what its files are called, is left out: a file is known by its checksum, and people rename files and set dates.

use serde_json::Value;

use crate::stream::sha256_hex;

/// Keys of a manifest, and of an artifact in it, that are no part of the digest.
const LEFT_OUT: [&[&str]; 2] = [&["digest", "created"], &["file", "started"]];

/// The digest of a manifest; none where the text is no JSON.
pub fn digest(text: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    leave_out(&mut value, LEFT_OUT[0]);
    let artifacts = value.get_mut("artifacts").and_then(Value::as_array_mut);
    artifacts.into_iter().flatten().for_each(|artifact| leave_out(artifact, LEFT_OUT[1]));
    let mut plain = String::with_capacity(text.len());
    put(&value, &mut plain);
    Some(sha256_hex(plain.as_bytes()))
}

fn leave_out(value: &mut Value, keys: &[&str]) {
    for key in keys {
        value.as_object_mut().and_then(|object| object.remove(*key));
    }
}

/// Without spaces, the keys of an object in their order.
fn put(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for key in keys {
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                object.get(key).into_iter().for_each(|value| put(value, out));
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for value in list {
                put(value, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_and_not_how() {
        let of = |text: &str| digest(text).unwrap();
        let text = r#"{"a": "x  \" é", "artifacts": [{"rows": 1, "file": "f"}], "created": "now", "digest": "d"}"#;
        assert_eq!(of(text), of(&text.replace(' ', "\n  ").replace("x\n  \n  \\\"\n  é", "x  \\\" \\u00e9")));
        assert_eq!(of(text), of(r#"{"artifacts": [{"file": "other", "rows": 1}], "a": "x  \" é"}"#));
        for (from, to) in [("x  ", "x "), ("\"rows\": 1", "\"rows\": 2"), ("\"a\"", "\"b\""), ("\"rows\"", "\"Rows\"")] {
            assert_ne!(of(text), of(&text.replacen(from, to, 1)), "{from}");
        }
        assert_eq!(digest("{"), None);
    }
}
