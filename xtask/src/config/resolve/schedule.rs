//! When the scheduler works.

use anyhow::Result;
use toml::Spanned;

use super::{Resolver, text_of};
use crate::config::age;
use crate::config::file::{Scalar, ScheduleTable};
use crate::config::schedule::{Rhythm, Schedule, Unit};
use crate::config::settings::{Setting, schedule};
use crate::problem::{Code, Problem};

impl Resolver<'_> {
    /// `hours` are those between two backups, if the table says nothing else.
    pub(super) fn schedule(&mut self, said: &ScheduleTable, hours: u32) -> Result<Schedule> {
        let backup = match said.backup {
            Some(_) => self.rhythm(&schedule::BACKUP, said.backup.as_ref(), Unit::Hours)?,
            None => self.every(hours)?,
        };
        let cleanup = self.rhythm(&schedule::CLEANUP, said.cleanup.as_ref(), Unit::Days)?;
        let trial = said.trial_restore.as_ref();
        let trial_restore = self.rhythm(&schedule::TRIAL_RESTORE, trial, Unit::Days)?;
        let jitter = self.parsed(&schedule::JITTER.key(), said.jitter.as_ref(), |text| {
            age(text).map_err(|why| (why, schedule::JITTER.example))
        })?;

        Ok(Schedule {
            backup,
            cleanup,
            trial_restore,
            jitter: jitter.unwrap_or_default(),
            environments: self.list(schedule::ENVIRONMENTS.key, &said.environments)?,
            health_file: self.path_of(&schedule::HEALTH_FILE.key(), said.health_file.as_ref())?,
        })
    }

    fn every(&mut self, hours: u32) -> Result<Rhythm> {
        let usual = Rhythm::parse(&hours.to_string(), Unit::Hours).map_err(|why| {
            Problem::usage(format!("`backup.interval-hours` is {hours}"))
                .code(Code::Config)
                .because(why)
                .cure("write it like `interval-hours = 24`, or `never` in `schedule.backup`")
        })?;
        self.by_default(&schedule::BACKUP.key(), &usual.typed());
        Ok(usual)
    }

    fn rhythm(
        &mut self,
        setting: &'static Setting,
        said: Option<&Spanned<Scalar>>,
        unit: Unit,
    ) -> Result<Rhythm> {
        let parse = |text: &str| Rhythm::parse(text, unit).map_err(|why| (why, setting.example));
        Ok(self.parsed(&setting.key(), said.map(text_of).as_ref(), parse)?.unwrap_or(Rhythm::Never))
    }
}
