//! What each database says that it is.

use crate::config::Guards;
use crate::facts::Surveyed;
use crate::task::protect::meaning;
use crate::ui::table::{Lean, columns};

/// `db-protect`
pub fn text(databases: &[Surveyed], guards: &Guards) -> String {
    let row = |d: &Surveyed| {
        let marker = d.live().and_then(|live| live.marker());
        let means = d.live().map_or("there is no such database", |_| meaning(marker, guards));
        vec![d.name().to_owned(), d.at(), marker.unwrap_or("none").to_owned(), means.to_owned()]
    };
    let rows: Vec<Vec<String>> = databases.iter().map(row).collect();
    columns(&[("DATABASE", Lean::Left), ("AT", Lean::Left), ("MARKER", Lean::Left), ("MEANS", Lean::Left)], &rows)
}
