//! Rows of a database's tables, counted by two sessions that share them.

use super::members::{COUNTED, MEMBERSHIP};

/// One of two sessions that share the tables.
#[derive(Debug, Clone, Copy)]
pub enum Half {
    /// Takes the largest, the third, …
    One = 1,
    /// Takes the second, the fourth, …
    Other = 0,
}

/// Counts the rows of half of the tables that have rows of their own: psql runs each row of the
/// first answer as a query. Of an extension's table, only those in a dump.
pub fn count_rows(half: Half) -> String {
    format!(
        r"SELECT question FROM (
  SELECT format('SELECT %L, count(*) FROM ONLY %I.%I %s', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, m.condition) AS question,
    row_number() OVER (ORDER BY pg_relation_size(c.oid) DESC, c.oid) AS nth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {MEMBERSHIP}
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    AND {COUNTED}
) tables WHERE nth % 2 = {} \gexec
",
        half as u8
    )
}

/// Rows per table.
pub type Counts = Vec<(String, u64)>;

/// Reads the answers to [`count_rows`]: `table|rows`; a table's name may have line breaks.
pub fn read_counts(answer: &str) -> Counts {
    let mut counts = Vec::new();
    let mut name = String::new();

    for line in answer.split('\n') {
        let ended =
            line.rsplit_once('|').and_then(|(head, rows)| Some((head, rows.trim().parse().ok()?)));

        if let Some((head, rows)) = ended {
            name.push_str(head);
            counts.push((std::mem::take(&mut name), rows));
        } else {
            name.push_str(line);
            name.push('\n');
        }
    }

    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_belong_to_names_of_any_kind() {
        let answer = "public.a|3\npublic.\"a|b\"|0\napp.\"line\nbreak\"|1\n";
        let want = [("public.a", 3), ("public.\"a|b\"", 0), ("app.\"line\nbreak\"", 1)];
        assert_eq!(read_counts(answer), want.map(|(table, rows)| (table.to_owned(), rows)));
    }
}
