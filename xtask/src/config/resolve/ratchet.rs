//! How many records a backup must hold.

use anyhow::Result;
use toml::Spanned;

use super::Resolver;
use crate::config::file::RatchetTable;
use crate::config::ratchet::{Portion, Ratchet};
use crate::config::settings::ratchet;

impl Resolver<'_> {
    /// `None` if neither the file nor a variable says anything of it.
    pub(super) fn ratchet(&mut self, said: Option<&RatchetTable>) -> Result<Option<Ratchet>> {
        let nothing = RatchetTable::default();
        let table = said.unwrap_or(&nothing);

        let min = self.number(&ratchet::MIN_RECORDS.key(), table.min_records.as_ref())?;
        let share = table.percentage.as_ref();
        let share = share.map(|said| Spanned::new(said.span(), said.as_ref().0.clone()));
        let share = self.parsed(&ratchet::PERCENTAGE.key(), share.as_ref(), |text| {
            Portion::parse(text).map_err(|why| (why, ratchet::PERCENTAGE.example))
        })?;

        if said.is_none() && min.is_none() && share.is_none() {
            return Ok(None);
        }

        let min = min.unwrap_or_else(|| {
            self.by_default(&ratchet::MIN_RECORDS.key(), &ratchet::MIN.to_string());
            ratchet::MIN
        });
        let portion = share.unwrap_or_else(|| {
            self.by_default(&ratchet::PERCENTAGE.key(), &Portion::USUAL.to_string());
            Portion::USUAL
        });
        let tables = self.table_names(ratchet::TABLES.key, &table.tables)?;

        Ok(Some(Ratchet { min_records: min.into(), portion, tables }))
    }
}
