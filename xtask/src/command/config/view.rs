//! Every setting with its origin.

use serde_json::{Value, json};

use crate::config::Project;
use crate::ui::table::{Lean, columns};

/// `db-config`
pub fn text(project: &Project) -> String {
    let rows: Vec<Vec<String>> = project
        .entries
        .iter()
        .map(|e| vec![e.key.clone(), e.value.clone(), e.origin.clone()])
        .collect();
    columns(&[("SETTING", Lean::Left), ("VALUE", Lean::Left), ("FROM", Lean::Left)], &rows)
}

/// `db-config --json`
pub fn json(project: &Project) -> Value {
    let entries: Vec<Value> = project
        .entries
        .iter()
        .map(|e| json!({ "key": e.key, "value": e.value, "origin": e.origin }))
        .collect();
    json!({ "root": project.root, "settings": entries })
}
