//! Reads a collection page by page, in the order of primary keys, with little memory.

use prost::Message;

use super::census::{Tally, readable_partitions};
use super::client::Milvus;
use super::format::Collection;
use super::open::pair;
use super::proto::rpc::{CUSTOMIZED, Nothing, Query, Rows, STRONG, Timestamp};
use super::value::{Fields, Row, Value, rows};
use crate::problem::Problem;

/// How large a page should be.
const PAGE: usize = 4 << 20;
/// Milvus returns no more rows at once.
const MOST_ROWS: usize = 8192;

/// One read of a partition, or of a whole collection if `partition` is empty.
pub(super) struct Pages<'a> {
    name: &'a str,
    fields: &'a Fields,
    partition: String,
    /// The key after which the next page begins.
    last: Option<Value>,
    limit: usize,
    /// The time that the server's answers must include: asked once, because each strongly
    /// consistent query waits for the server's clock.
    since: Option<u64>,
}

impl<'a> Pages<'a> {
    pub fn new(
        milvus: &Milvus,
        name: &'a str,
        fields: &'a Fields,
        partition: &str,
    ) -> Result<Self, Problem> {
        let since = match milvus.ask::<Timestamp>("AllocTimestamp", &Nothing {}) {
            Err(failure) if failure.unknown_call() => None,
            asked => {
                Some(asked.map_err(|failure| failure.problem("ask Milvus for its time"))?.timestamp)
            }
        };

        let width: i64 =
            fields.all.iter().map(|field| if field.dim > 0 { field.dim * 4 } else { 256 }).sum();
        let limit = PAGE / usize::try_from(width).unwrap_or(PAGE).max(1);

        Ok(Self {
            name,
            fields,
            partition: partition.into(),
            last: None,
            limit: limit.clamp(1, 1024),
            since,
        })
    }

    /// The next page; an empty one is the last. A page with fewer rows than requested is not.
    pub fn next(&mut self, milvus: &Milvus) -> Result<Vec<Row>, Problem> {
        let doing = format!("read `{}`", self.name);

        loop {
            let Some(expr) = after(&self.fields.key().name, self.last.as_ref()) else {
                return Ok(vec![]);
            };
            let answer = match milvus.ask::<Rows>("Query", &self.query(milvus, expr)) {
                Err(failure) if failure.too_large() && self.limit > 1 => {
                    self.limit = (self.limit / 8).max(1);
                    continue;
                }
                answer => answer.map_err(|failure| failure.problem(&doing))?,
            };

            if answer.fields_data.is_empty() {
                return Ok(vec![]);
            }

            let bytes = answer.encoded_len();
            let malformed =
                |why: String| Problem::failed(format!("could not {doing}")).because(why);
            let mut page = rows(self.fields, answer.fields_data).map_err(malformed)?;
            let key = self.fields.key;

            page.sort_by(|a, b| match (&a[key], &b[key]) {
                (Value::Long(a), Value::Long(b)) => a.cmp(b),
                (Value::Text(a), Value::Text(b)) => a.cmp(b),
                _ => std::cmp::Ordering::Equal,
            });

            if let Some(row) = page.last() {
                self.last = Some(row[key].clone());
                let fitting = (PAGE * page.len() / bytes.max(1)).clamp(1, MOST_ROWS);
                self.limit = fitting.min(self.limit * 4);
            }

            return Ok(page);
        }
    }

    fn query(&self, milvus: &Milvus, expr: String) -> Query {
        Query {
            db_name: milvus.db(),
            collection_name: self.name.into(),
            expr,
            output_fields: self.fields.all.iter().map(|field| field.name.clone()).collect(),
            partition_names: if self.partition.is_empty() {
                vec![]
            } else {
                vec![self.partition.clone()]
            },
            guarantee_timestamp: self.since.unwrap_or(0),
            // `iterator` makes every segment stop at a common key, so that none is skipped between
            // pages
            query_params: vec![
                pair("limit", &self.limit.to_string()),
                pair("iterator", "True"),
                pair("reduce_stop_for_best", "True"),
            ],
            consistency_level: if self.since.is_some() { CUSTOMIZED } else { STRONG },
        }
    }
}

/// Reads all rows of a collection only for their digest.
pub(super) fn read_again(
    milvus: &Milvus,
    of: &Collection,
    fields: &Fields,
) -> Result<Tally, Problem> {
    let mut tally = Tally::new(fields);

    for partition in readable_partitions(of) {
        let mut pages = Pages::new(milvus, &of.name, fields, &partition)?;
        loop {
            let page = pages.next(milvus)?;
            if page.is_empty() {
                break;
            }
            tally.take(&partition, &page)?;
        }
    }

    Ok(tally)
}

/// The filter for what comes after a key; nothing comes after the largest. Milvus 2.3 can't parse
/// the smallest number, so it is never written.
fn after(key: &str, last: Option<&Value>) -> Option<String> {
    match last {
        Some(Value::Long(last)) => last.checked_add(1).map(|next| format!("{key} >= {next}")),
        Some(Value::Text(last)) => Some(format!("{key} > {}", quoted(last))),
        _ => Some(String::new()),
    }
}

/// A string in Milvus's expressions: of the control characters only line ends must be escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }

    out.push('"');
    out
}

/// `key in […]`, which every server deletes by.
pub(super) fn among(fields: &Fields, page: &[Row]) -> String {
    let keys: Vec<String> = page
        .iter()
        .filter_map(|row| match &row[fields.key] {
            Value::Long(key) => Some(key.to_string()),
            Value::Text(key) => Some(quoted(key)),
            _ => None,
        })
        .collect();
    format!("{} in [{}]", fields.key().name, keys.join(", "))
}

/// Only the key of each row.
pub(super) fn key_only(fields: &Fields) -> Fields {
    Fields { all: vec![fields.key().clone()], key: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_after_a_key() {
        let text = |t: &str| Some(Value::Text(t.into()));

        for (last, expr) in [
            (None, Some("")),
            (Some(Value::Long(-3)), Some("id >= -2")),
            (Some(Value::Long(i64::MIN)), Some("id >= -9223372036854775807")),
            (Some(Value::Long(i64::MAX)), None),
            (text(""), Some(r#"id > """#)),
            (text("a\"b\\c\nd\re\tf☃"), Some("id > \"a\\\"b\\\\c\\nd\\re\tf☃\"")),
        ] {
            assert_eq!(after("id", last.as_ref()).as_deref(), expr, "{last:?}");
        }
    }
}
