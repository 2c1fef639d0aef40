//! `db-backup --salvage`: finds out what can be read of a damaged database, before it is backed up.

use anyhow::Result;

use crate::command::backup::plan::Salvage;
use crate::engine::postgres::catalog::facts::Depth;
use crate::facts::salvage::look;
use crate::problem::Problem;
use crate::session::Session;
use crate::session::selection::Selection;

impl Session {
    /// Reads all tables of these databases.
    ///
    /// # Errors
    /// Only stores were named, or the catalog itself can't be read.
    pub(super) fn salvage(&mut self, meant: &Selection) -> Result<Salvage> {
        if meant.databases.is_empty() {
            return Err(Problem::usage("`--salvage` is only for databases")
                .cure("name one with `--only`, or leave out `--only`")
                .into());
        }

        let mut salvage = Salvage::new();

        for database in &meant.databases {
            let target = self.surveyor().survey(database, Depth::Database)?;
            self.person.tell(&format!("read every table of `{}`", target.name()));

            let secrets = self.project.secrets.clone();
            let damage =
                look(&target, &secrets, &mut |found| self.person.say(&format!("  {found}")))?;

            if damage.is_none() {
                self.person.tell("  all of it can be read: this is a normal backup");
            }

            salvage.insert(database.key.clone(), damage);
        }

        Ok(salvage)
    }
}
