//! The stores of a wipe.

use anyhow::Result;

use crate::config::Wiping;
use crate::facts::SurveyedStore;
use crate::human::{count, held};
use crate::plan::{Act, Deed, How};
use crate::problem::Problem;
use crate::ui::table::{Lean, columns};
use crate::value::{Address, Change, Format};

/// What can't be removed is found before anything is removed.
pub(super) fn store_can_be_wiped(store: &SurveyedStore) -> Result<()> {
    match &store.held.fixed {
        None => Ok(()),
        Some(why) => {
            Err(Problem::refused(format!("`{}` ({}) can't be emptied", store.key(), store.address))
                .because(why)
                .because("nothing was changed")
                .cure(
                    "fix that, or run this as a user who may remove it; or leave out the store: \
                     name the others with `--only`",
                )
                .into())
        }
    }
}

pub(super) fn store_line(store: &SurveyedStore) -> String {
    format!("{}: {}", store.key(), held(store.address.format(), &store.held))
}

pub(super) fn store_headline(store: &SurveyedStore) -> String {
    format!("`{}` ({}): {}", store.key(), store.address, held(store.address.format(), &store.held))
}

/// Every collection with its entities; a tree by its entries and bytes.
pub(super) fn store_notes(store: &SurveyedStore) -> Vec<String> {
    let what = if store.address.format() == Format::Tar { "ENTRIES" } else { "ENTITIES" };
    let fate = if matches!(store.address, Address::Milvus { wipe: Wiping::Drop, .. }) {
        "dropped"
    } else {
        "emptied"
    };

    let rows: Vec<Vec<String>> = store
        .held
        .parts
        .iter()
        .map(|(name, items)| vec![name.clone(), count(*items), fate.into()])
        .collect();

    let header = format!(
        "{} OF {}",
        if store.address.format() == Format::Tar { "TREE" } else { "COLLECTION" },
        store.key()
    );

    columns(&[(&header, Lean::Left), (what, Lean::Right), ("", Lean::Left)], &rows)
        .lines()
        .map(String::from)
        .collect()
}

pub(super) fn wipe_store(store: &SurveyedStore) -> Act {
    let change = Change::Wipe { live: store.held.id.clone(), items: store.held.items() };
    Act::Remove(Deed {
        what: store.key().to_owned(),
        how: How::Change(store.address.clone(), change),
    })
}
