//! Removes the data: with the collections, or from them.

use anyhow::Result;

use super::client::Milvus;
use super::facts::Load;
use super::pages::{Pages, among, key_only};
use super::proto::rpc::{Delete, DropAlias, Mutation, Status};
use super::survey::Described;
use super::swap::{Seen, unchanged};
use super::value::Fields;
use crate::problem::{Code, Problem};

/// What is left of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wipe {
    /// Nothing.
    Drop,
    /// Its schema, indexes, aliases, partitions and load state, without a row.
    Empty,
}

/// What went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiped {
    /// The collection.
    pub name: String,
    /// Its rows; for a dropped collection that was not loaded, those of the server's statistics.
    pub rows: u64,
}

impl Milvus {
    /// Drops or empties every live collection. What is kept for an undo stays: [`Milvus::forget`]
    /// ends that.
    ///
    /// # Errors
    /// The live collections are not those that were expected (then nothing is removed), or a call
    /// fails.
    pub fn wipe(&mut self, how: Wipe, expected: &[Seen]) -> Result<Vec<Wiped>> {
        let mut live = Vec::new();

        for name in self.names()? {
            let found = self.describe(&name)?;
            if found.mark.is_none() {
                live.push(found);
            }
        }

        unchanged(
            expected,
            live.iter().map(|found| (found.collection.name.clone(), found.id)).collect(),
        )?;
        let mut gone = Vec::new();

        for found in live {
            let rows = match how {
                Wipe::Drop => self.drop_live(&found)?,
                Wipe::Empty => self.opened(&found, |milvus| milvus.empty(&found))?,
            };
            gone.push(Wiped { name: found.collection.name, rows });
        }

        Ok(gone)
    }

    /// An alias would prevent newer servers from dropping its collection.
    fn drop_live(&self, found: &Described) -> Result<u64, Problem> {
        let name = &found.collection.name;
        let rows =
            if found.load() == Load::Whole { self.count(name)? } else { self.statistics(name)? };

        for alias in &found.collection.aliases {
            let request = DropAlias { db_name: self.db(), alias: alias.clone() };
            self.call::<Status>("DropAlias", &request, &format!("drop the alias `{alias}`"))?;
        }

        self.call::<Status>("DropCollection", &self.of(name), &format!("drop `{name}`"))?;

        Ok(rows)
    }

    fn empty(&mut self, found: &Described) -> Result<u64> {
        let name = &found.collection.name;
        let rows = self.count(name)?;
        let fields =
            key_only(&Fields::of(name, &found.collection.schema.clone().unwrap_or_default())?);
        let mut pages = Pages::new(self, name, &fields, "")?;

        loop {
            let page = pages.next(self)?;
            if page.is_empty() {
                break;
            }

            let request = Delete {
                db_name: self.db(),
                collection_name: name.clone(),
                expr: among(&fields, &page),
            };

            self.call::<Mutation>("Delete", &request, &format!("empty `{name}`"))?;
        }

        let left = self.count(name)?;
        if left > 0 {
            return Err(Problem::failed(format!("`{name}` is not empty"))
                .code(Code::ChangedMeanwhile)
                .because(format!("{left} rows were added meanwhile"))
                .cure("stop what writes to it; then run the command again")
                .into());
        }

        Ok(rows)
    }
}
