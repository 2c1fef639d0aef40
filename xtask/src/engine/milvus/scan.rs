//! Reads a backup without any server: whether it is complete, and what it holds.

use std::collections::BTreeSet;
use std::io::Read;

use anyhow::Result;
use prost::Message;

use super::census::{Census, CollectionCensus, Tally, readable_partitions};
use super::format::{Collection, CollectionEnd, Reader, Rows, What, damaged};
use super::value::{Fields, Row, columns, rows};

/// What to do with a backup while it is read.
pub(super) trait Visit {
    /// All collections are known by now, and no row has been read.
    fn begin(&mut self, collections: &[Collection]) -> Result<()>;
    /// Some rows, as they are in the backup and as they will be inserted.
    fn rows(
        &mut self,
        of: &Collection,
        fields: &Fields,
        partition: &str,
        rows: Vec<Row>,
    ) -> Result<()>;
    /// All rows of a collection have been read.
    fn end(&mut self, of: &Collection, fields: &Fields, census: &CollectionCensus) -> Result<()>;
}

struct Look;

impl Visit for Look {
    fn begin(&mut self, _: &[Collection]) -> Result<()> {
        Ok(())
    }
    fn rows(&mut self, _: &Collection, _: &Fields, _: &str, _: Vec<Row>) -> Result<()> {
        Ok(())
    }
    fn end(&mut self, _: &Collection, _: &Fields, _: &CollectionCensus) -> Result<()> {
        Ok(())
    }
}

/// Reads a backup to its end, and counts it. No server is asked.
///
/// # Errors
/// It is cut short, damaged, of a newer format, or not a backup of Milvus.
pub fn scan(input: &mut dyn Read) -> Result<Census> {
    visit(input, &mut Look)
}

pub(super) fn visit(input: &mut dyn Read, visitor: &mut dyn Visit) -> Result<Census> {
    let mut reader = Reader::new(input)?;
    let What::Header(header) = reader.next()? else {
        return Err(damaged("it has no header").into());
    };
    let collections = described(&mut reader, header.collections)?;
    let names: Vec<Collection> =
        collections.iter().map(|(collection, _)| collection.clone()).collect();
    visitor.begin(&names)?;

    let mut census = Census::default();
    for (collection, fields) in &collections {
        visit_rows(&mut reader, visitor, (collection, fields), &mut census)?;
    }

    let What::End(end) = reader.next()? else { return Err(damaged("it has no end").into()) };

    if (end.collections, end.rows) != (header.collections, census.rows()) {
        return Err(damaged("it does not have as many rows as it says").into());
    }

    reader.finish(&end)?;

    Ok(census)
}

/// Every collection, before the rows of the first one.
fn described<R: Read>(reader: &mut Reader<R>, count: u64) -> Result<Vec<(Collection, Fields)>> {
    let mut collections = Vec::new();
    let mut names = BTreeSet::new();

    for _ in 0..count {
        let What::Collection(collection) = reader.next()? else {
            return Err(damaged("a collection is missing").into());
        };
        let Some(schema) = &collection.schema else {
            return Err(damaged("a collection has no schema").into());
        };
        let fields =
            Fields::of(&collection.name, schema).map_err(crate::problem::Problem::of_backup)?;

        if !names.insert(collection.name.clone()) {
            return Err(damaged(format!("`{}` is there twice", collection.name)).into());
        }

        collections.push((collection, fields));
    }

    Ok(collections)
}

fn visit_rows<R: Read>(
    reader: &mut Reader<R>,
    visitor: &mut dyn Visit,
    (collection, fields): (&Collection, &Fields),
    census: &mut Census,
) -> Result<()> {
    let mut tally = Tally::new(fields);
    let end = loop {
        match reader.next()? {
            What::Rows(rows) => {
                let partition = rows.partition.clone();
                let page = page(collection, fields, rows)?;
                tally.take(&partition, &page).map_err(|e| damaged(e.to_string()))?;
                visitor.rows(collection, fields, &partition, page)?;
            }
            What::CollectionEnd(end) => break end,
            _ => return Err(damaged(format!("`{}` has no end", collection.name)).into()),
        }
    };

    let read = ended(tally, collection, &end)?;
    visitor.end(collection, fields, &read)?;
    census.collections.push(read);
    census.changed.extend(end.changed);

    Ok(())
}

fn page(collection: &Collection, fields: &Fields, page: Rows) -> Result<Vec<Row>> {
    let wrong = |why: String| damaged(format!("in `{}`: {why}", collection.name));
    if !readable_partitions(collection).contains(&page.partition) {
        return Err(wrong(format!("there is no partition `{}`", page.partition)).into());
    }

    let bytes = page.encode_to_vec();
    let found = rows(fields, page.columns).map_err(wrong)?;
    // if it is written again identically it was understood: each value has its field's type
    // (compared as bytes, because NaN never equals itself)
    let again = Rows {
        partition: page.partition,
        rows: found.len() as u32,
        columns: columns(fields, &found),
    };

    if again.encode_to_vec() != bytes {
        return Err(wrong("rows do not match their fields".into()).into());
    }

    Ok(found)
}

fn ended(tally: Tally, collection: &Collection, end: &CollectionEnd) -> Result<CollectionCensus> {
    let (census, sha256) = tally.finish(collection);
    if census.rows != end.rows || sha256.as_slice() != end.sha256 {
        return Err(
            damaged(format!("the rows of `{}` do not match its digest", collection.name)).into()
        );
    }

    Ok(census)
}
