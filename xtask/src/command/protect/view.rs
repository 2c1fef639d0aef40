//! What each database's marker says.

use crate::command::protect::plan::meaning;
use crate::config::Guards;
use crate::facts::Surveyed;
use crate::ui::table::{Lean, columns};

/// `db-protect`
pub fn text(databases: &[Surveyed], guards: &Guards) -> String {
    let row = |d: &Surveyed| {
        let marker = d.live().and_then(|live| live.marker());
        let means = d.live().map_or("there is no such database", |_| {
            meaning(&d.live().map_or(Vec::new(), |live| live.marks()), guards)
        });
        vec![d.name().to_owned(), d.at(), marker.unwrap_or_else(|| "none".into()), means.to_owned()]
    };

    let rows: Vec<Vec<String>> = databases.iter().map(row).collect();

    columns(
        &[
            ("DATABASE", Lean::Left),
            ("AT", Lean::Left),
            ("MARKER", Lean::Left),
            ("MEANS", Lean::Left),
        ],
        &rows,
    )
}
