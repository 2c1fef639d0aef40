//! The collections of a Milvus database as a store.

use std::io::{Read, Write};

use anyhow::Result;

use super::facts::{CollectionFacts, RowCount};
use super::mark::Role;
use super::stage::AutoIds;
use super::wipe::Wipe;
use super::{Census, Milvus, Seen};
use crate::config::Wiping;
use crate::engine::store::{ReadStore, Tell, WriteStore, holds_no_more};
use crate::stream::Method;
use crate::value::{
    Change, Collection, Collections, Contents, Holding, Swapped, Trust, keeps_auto_ids,
};

/// A connection, and what a wipe means.
pub struct Vectors {
    /// The connection.
    pub milvus: Milvus,
    /// What a wipe does to collections.
    pub wipe: Wiping,
}

impl Vectors {
    fn live(&self) -> Result<Vec<CollectionFacts>> {
        Ok(self.milvus.survey()?.into_iter().filter(|c| c.mark.is_none()).collect())
    }

    fn id(&self) -> Result<String> {
        id(&self.live()?)
    }

    /// An interrupted swap is completed before anything else.
    fn settled(&mut self) -> Result<&mut Milvus> {
        self.milvus.repair()?;
        Ok(&mut self.milvus)
    }

    fn back(&mut self, live: &str, from: Swapped) -> Result<Vec<String>> {
        self.settled()?;
        let now = self.id()?;
        if now == live {
            return Ok(Vec::new());
        }

        match from {
            Swapped::Undone => self.milvus.undo(&seen(&now)?)?,
            Swapped::In => self.milvus.take_back(&seen(&now)?)?,
            // what was live since then may have been written to, which we can't detect
            Swapped::Since => {
                self.milvus.undo(&seen(&now)?)?;
                return Ok(vec![
                    "the restored collections may have been used since then: they are kept for \
                     `db-undo`"
                        .into(),
                ]);
            }
        }

        Ok(Vec::new())
    }

    fn empty(&mut self, live: &str, items: u64) -> Result<()> {
        let now = self.live()?.iter().map(|c| rows(c.rows)).sum::<u64>();
        holds_no_more("Milvus", "entities", items, now)?;

        let how = match self.wipe {
            Wiping::Drop => Wipe::Drop,
            Wiping::Empty => Wipe::Empty,
        };
        self.milvus.wipe(how, &seen(live)?).map(drop)
    }
}

impl ReadStore for Vectors {
    fn look(&mut self) -> Result<Holding> {
        let all = self.milvus.survey()?;
        let can_undo =
            all.iter().filter_map(|c| c.mark.as_ref()).any(|mark| mark.role == Role::Previous);
        let live: Vec<CollectionFacts> = all.into_iter().filter(|c| c.mark.is_none()).collect();

        let stuck = self
            .milvus
            .can_swap()
            .err()
            .map(|e| e.to_string().lines().next().unwrap_or_default().to_owned());

        Ok(Holding {
            id: id(&live)?,
            parts: live.iter().map(|c| (c.name.clone(), rows(c.rows))).collect(),
            bytes: None,
            version: Some(self.milvus.version().to_owned()),
            can_undo,
            stuck,
            notes: Vec::new(),
            fixed: None,
        })
    }

    fn dump(&mut self, out: &mut dyn Write, tell: Tell<'_>) -> Result<Contents> {
        self.milvus.dump(out, &mut |_, bytes| tell(bytes)).map(contents)
    }
}

impl WriteStore for Vectors {
    fn stage(
        &mut self,
        from: &mut dyn Read,
        _trust: Trust,
        _method: Method,
        tell: Tell<'_>,
    ) -> Result<Contents> {
        let auto_ids = if keeps_auto_ids(self.milvus.version()) {
            AutoIds::Keep
        } else {
            AutoIds::FromApplication
        };
        self.settled()?.stage(from, auto_ids, &mut |_, bytes| tell(bytes)).map(contents)
    }

    fn change(&mut self, change: &Change) -> Result<Vec<String>> {
        match change {
            Change::Swap { live } => self.settled()?.swap(&seen(live)?)?,
            Change::Undo { live } => self.settled()?.undo(&seen(live)?)?,
            Change::Back { live, from } => return self.back(live, *from),
            Change::Unstage => drop(self.settled()?.unstage()?),
            Change::Settle => drop(self.settled()?.settle()?),
            Change::Wipe { live, items } => self.empty(live, *items)?,
        }

        Ok(Vec::new())
    }
}

/// What the manifest keeps of a census.
pub fn contents(census: Census) -> Contents {
    let collection = |c: super::CollectionCensus| Collection {
        name: c.name,
        entities: c.rows,
        sha256: c.sha256,
        auto_ids: c.auto_ids,
    };
    let collections = census.collections.into_iter().map(collection).collect();
    Contents::Collections(Collections { collections, changed: census.changed })
}

fn rows(count: RowCount) -> u64 {
    match count {
        RowCount::Exact(rows) | RowCount::About(rows) => rows,
    }
}

/// Names and ids: a collection that was dropped and created again has another id.
fn id(live: &[CollectionFacts]) -> Result<String> {
    let mut seen: Vec<Seen> = live.iter().map(|c| (c.name.clone(), c.id)).collect();
    seen.sort();
    Ok(serde_json::to_string(&seen)?)
}

fn seen(id: &str) -> Result<Vec<Seen>> {
    Ok(serde_json::from_str(id)?)
}
