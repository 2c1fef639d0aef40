//! Which backups to keep, as `[backup]` says it.

use std::time::Duration;

/// Which backups to keep. A backup stays if any rule keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepRules {
    /// Days to keep each backup; `None`: no rule was set, so nothing is removed automatically.
    pub days: Option<u32>,
    /// Good backups kept whatever their age, and whatever all of them take.
    pub min: u32,
    /// Good backups kept whatever their age.
    pub last: u32,
    /// The age up to which good backups are kept.
    pub within: Option<Duration>,
    /// One an hour for so many hours.
    pub hourly: u32,
    /// One a day for so many days.
    pub daily: u32,
    /// One a week for so many weeks.
    pub weekly: u32,
    /// One a month for so many months.
    pub monthly: u32,
    /// One a year for so many years.
    pub yearly: u32,
    /// The bytes that the backups may take.
    pub most: Option<u64>,
}

impl KeepRules {
    /// Whether a rule lets anything go by itself: the others only keep.
    pub fn remove(&self) -> bool {
        self.days.is_some() || self.most.is_some()
    }

    /// Whether no rule keeps anything: all but the last good backup would go.
    pub fn keep_nothing(&self) -> bool {
        let counts =
            [self.min, self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly];
        let is_over = |within: Duration| within.is_zero();
        self.days == Some(0) && self.within.is_none_or(is_over) && counts == [0; 7]
    }
}
