//! Which backups to keep.

use std::time::Duration;

use anyhow::Result;
use toml::Spanned;

use super::super::file::{File, RetentionTable, Scalar, Text};
use super::super::keep::{KeepRules, Retention, Special, age, size};
use super::super::settings::{Key, Setting, backup, retention};
use super::Resolver;
use crate::glob;

impl Resolver<'_> {
    pub(super) fn retention(&mut self, file: &File) -> Result<Retention> {
        let usual = self.keep_rules(file)?;
        let special = file
            .retention
            .iter()
            .map(|(name, table)| self.special(name, table, &usual, file))
            .collect::<Result<_>>()?;
        let most = self.parsed(&backup::MAX_SIZE.key(), file.backup.max_size.as_ref(), |text| {
            size(text).map_err(|why| (why, backup::MAX_SIZE.example))
        })?;

        Ok(Retention { usual, special, most })
    }

    fn keep_rules(&mut self, file: &File) -> Result<KeepRules> {
        let b = &file.backup;
        Ok(KeepRules {
            days: self.number(&backup::KEEP_DAYS.key(), b.keep_days.as_ref())?,
            min: self.count(&backup::MIN_KEEP.key(), b.min_keep.as_ref())?,
            last: self.count(&backup::KEEP_LAST.key(), b.keep_last.as_ref())?,
            within: self.age(&backup::KEEP_WITHIN.key(), b.keep_within.as_ref())?,
            hourly: self.count(&backup::KEEP_HOURLY.key(), b.keep_hourly.as_ref())?,
            daily: self.count(&backup::KEEP_DAILY.key(), b.keep_daily.as_ref())?,
            weekly: self.count(&backup::KEEP_WEEKLY.key(), b.keep_weekly.as_ref())?,
            monthly: self.count(&backup::KEEP_MONTHLY.key(), b.keep_monthly.as_ref())?,
            yearly: self.count(&backup::KEEP_YEARLY.key(), b.keep_yearly.as_ref())?,
        })
    }

    fn special(
        &mut self,
        name: &Text,
        table: &RetentionTable,
        usual: &KeepRules,
        file: &File,
    ) -> Result<Special> {
        let (at, name) = (name.span().start, name.as_ref());
        let of = self.list(&retention::OF.of(name).text, &table.of)?;
        let labels = self.list(&retention::LABELS.of(name).text, &table.labels)?;

        if of.is_empty() && labels.is_empty() {
            return Err(self
                .wrong(at, format!("`[retention.{name}]` does not say which backups it is for"))
                .cure("write `labels`, `of` or both; rules for all backups stand in `[backup]`")
                .into());
        }
        if let Some((label, why)) = labels.iter().find_map(|l| Some((l, glob::valid(l).err()?))) {
            return Err(self
                .wrong(at, format!("the label `{label}` is no pattern: {why}"))
                .cure("fix it; `\\` before a character makes it literal")
                .into());
        }

        let stores = file.stores.keys().map(|key| key.as_ref().as_str());
        let known: Vec<&str> = file.databases.keys().map(String::as_str).chain(stores).collect();
        if let Some(unknown) = of.iter().find(|key| !known.contains(&key.as_str())) {
            return Err(self
                .wrong(at, format!("there is no database or store `{unknown}`"))
                .cure(format!("known are {}", known.join(", ")))
                .into());
        }

        let rules = self.in_place_of(usual, name, table)?;
        Ok(Special { name: name.clone(), labels, of, rules })
    }

    fn in_place_of(
        &mut self,
        usual: &KeepRules,
        name: &str,
        table: &RetentionTable,
    ) -> Result<KeepRules> {
        use retention as key;

        let days = self.number(&key::KEEP_DAYS.of(name), table.keep_days.as_ref())?;
        let within = self.age(&key::KEEP_WITHIN.of(name), table.keep_within.as_ref())?;
        let mut or = |setting: &Setting, said: &Option<Spanned<Scalar>>, usual: u32| {
            self.number(&setting.of(name), said.as_ref()).map(|said| said.unwrap_or(usual))
        };

        Ok(KeepRules {
            days: days.or(usual.days),
            min: or(&key::MIN_KEEP, &table.min_keep, usual.min)?,
            last: or(&key::KEEP_LAST, &table.keep_last, usual.last)?,
            within: within.or(usual.within),
            hourly: or(&key::KEEP_HOURLY, &table.keep_hourly, usual.hourly)?,
            daily: or(&key::KEEP_DAILY, &table.keep_daily, usual.daily)?,
            weekly: or(&key::KEEP_WEEKLY, &table.keep_weekly, usual.weekly)?,
            monthly: or(&key::KEEP_MONTHLY, &table.keep_monthly, usual.monthly)?,
            yearly: or(&key::KEEP_YEARLY, &table.keep_yearly, usual.yearly)?,
        })
    }

    fn age(&mut self, key: &Key, value: Option<&Text>) -> Result<Option<Duration>> {
        self.parsed(key, value, |text| age(text).map_err(|why| (why, backup::KEEP_WITHIN.example)))
    }
}
