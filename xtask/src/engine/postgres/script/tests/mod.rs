mod claims;
mod dumps;
mod duties;
mod hostile;
mod listed;
mod random;

use super::*;

fn scan(script: &[u8]) -> Script {
    scan_in(script, usize::MAX)
}

fn scan_in(script: &[u8], size: usize) -> Script {
    let mut scanner = Scanner::new();
    for chunk in script.chunks(size) {
        scanner.feed(chunk);
    }
    scanner.finish()
}

/// Table names with their rows.
fn rows(script: &Script) -> Vec<(&str, u64)> {
    let tables = script.tables.iter();
    tables.map(|t| (t.table.as_str(), t.rows)).collect()
}
