//! Columns for a terminal: as wide as what is in them.

use super::shown;

/// Which way a column leans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lean {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Sets rows in columns, two spaces apart, without trailing spaces.
///
/// Names of tables may hold anything: control characters are shown as escapes, so that none can
/// move the cursor.
pub fn columns(header: &[(&str, Lean)], rows: &[Vec<String>]) -> String {
    let plain = |cell: &String| shown::line(cell).into_owned();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let width = |text: &str| text.chars().count();

    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(at, (title, _))| {
            rows.iter()
                .filter_map(|r| r.get(at))
                .map(|c| width(c))
                .max()
                .unwrap_or(0)
                .max(width(title))
        })
        .collect();

    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(header).zip(&widths).map(|((cell, (_, lean)), w)| {
            let space = " ".repeat(w - width(cell));
            if *lean == Lean::Left { format!("{cell}{space}") } else { format!("{space}{cell}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };

    let mut lines = vec![line(header.iter().map(|(title, _)| *title).collect())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));

    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_lean_and_nothing_trails() {
        let rows = vec![
            vec!["a".into(), "1".into(), "x".into()],
            vec!["bé".into(), "22".into(), String::new()],
        ];
        assert_eq!(
            columns(&[("NAME", Lean::Left), ("N", Lean::Right), ("", Lean::Left)], &rows),
            "NAME   N\na      1  x\nbé    22"
        );
    }
}
