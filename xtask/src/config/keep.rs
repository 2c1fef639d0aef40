//! Which backups to keep, as `[backup]` says it.

use std::time::Duration;

use crate::glob;

/// Which backups to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// The rules for all that no special ones are for.
    pub usual: KeepRules,
    /// Rules for some of them.
    pub special: Vec<Special>,
    /// The bytes that all of them may take.
    pub most: Option<u64>,
}

/// `[retention.NAME]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Special {
    /// Its name.
    pub name: String,
    /// Patterns of the labels that it is for; none: all.
    pub labels: Vec<String>,
    /// The keys of the databases and stores that it is for; none: all.
    pub of: Vec<String>,
    /// What is kept of them.
    pub rules: KeepRules,
}

impl Retention {
    /// Whether a rule lets anything go by itself: the others only keep.
    pub fn remove(&self) -> bool {
        self.most.is_some() || self.all().any(|rules| rules.days.is_some())
    }

    /// Whether `db-backup` removes old ones by them: not if nothing would be left but the last good
    /// one.
    pub fn remove_after_a_backup(&self) -> bool {
        self.remove() && self.keeps_nothing().is_none()
    }

    /// The table whose rules keep nothing, if there is one: all but the last good backup would go.
    pub fn keeps_nothing(&self) -> Option<String> {
        let special = self.special.iter().find(|special| special.rules.keep_nothing());
        let usual = self.usual.keep_nothing().then(|| "[backup]".into());
        usual.or_else(|| special.map(|special| format!("[retention.{}]", special.name)))
    }

    fn all(&self) -> impl Iterator<Item = &KeepRules> {
        self.special.iter().map(|special| &special.rules).chain([&self.usual])
    }
}

impl Special {
    /// Whether it is for a backup with this label, of databases and stores with these keys.
    pub fn is_for<'a>(&self, label: Option<&str>, mut keys: impl Iterator<Item = &'a str>) -> bool {
        let fits = |label: &str| self.labels.iter().any(|pattern| fits(pattern, label));
        (self.labels.is_empty() || label.is_some_and(fits))
            && (self.of.is_empty() || keys.any(|key| self.of.iter().any(|of| of == key)))
    }
}

/// A label is no path: `*` fits a `/`, too.
fn fits(pattern: &str, label: &str) -> bool {
    let flat = |text: &str| text.replace('/', "\u{1}");
    glob::fits(&flat(pattern), flat(label).as_bytes())
}

/// An age as people write it: `12h`, `2 weeks`.
///
/// # Errors
/// Why it is none.
pub fn age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| e.to_string())
}

/// A size in bytes as people write it: `20 GB`, in powers of 1000 as we show it, `20 GiB` in powers
/// of 1024.
///
/// # Errors
/// Why it is none.
pub fn size(text: &str) -> Result<u64, String> {
    match parse_size::parse_size(text) {
        // somebody may mean that there is no limit, and all but the last good backup would go
        Ok(0) => Err("it must be more than 0; there is no limit without it".into()),
        read => read.map_err(|e| e.to_string()),
    }
}

/// What is kept of some backups. A backup stays if any rule keeps it.
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
}

impl KeepRules {
    fn keep_nothing(&self) -> bool {
        let counts =
            [self.min, self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly];
        let is_over = |within: Duration| within.is_zero();
        self.days == Some(0) && self.within.is_none_or(is_over) && counts == [0; 7]
    }
}
