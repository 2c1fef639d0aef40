//! Which backups to keep.

use anyhow::Result;

use super::super::file::File;
use super::super::keep::KeepRules;
use super::super::settings::backup;
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn keep_rules(&mut self, file: &File) -> Result<KeepRules> {
        let b = &file.backup;
        Ok(KeepRules {
            days: self.number(&backup::KEEP_DAYS.key(), b.keep_days.as_ref())?,
            min: self.count(&backup::MIN_KEEP.key(), b.min_keep.as_ref())?,
            last: self.count(&backup::KEEP_LAST.key(), b.keep_last.as_ref())?,
            within: self.parsed(
                &backup::KEEP_WITHIN,
                b.keep_within.as_ref(),
                humantime::parse_duration,
            )?,
            hourly: self.count(&backup::KEEP_HOURLY.key(), b.keep_hourly.as_ref())?,
            daily: self.count(&backup::KEEP_DAILY.key(), b.keep_daily.as_ref())?,
            weekly: self.count(&backup::KEEP_WEEKLY.key(), b.keep_weekly.as_ref())?,
            monthly: self.count(&backup::KEEP_MONTHLY.key(), b.keep_monthly.as_ref())?,
            yearly: self.count(&backup::KEEP_YEARLY.key(), b.keep_yearly.as_ref())?,
            most: self.parsed(&backup::MAX_SIZE, b.max_size.as_ref(), |size| {
                parse_size::parse_size(size)
            })?,
        })
    }
}
