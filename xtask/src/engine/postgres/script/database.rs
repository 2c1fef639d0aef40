//! What `pg_dump --create` says about the database itself (`dumpDatabase` in `pg_dump.c`,
//! `_reconnectToDB` in `pg_backup_archiver.c`): psql does not get it, because we create the
//! database. Statements on databases in another order or more than once are refused.

use super::Scanner;
use super::listed::OnDatabase;
use super::report::Withheld;
use super::statement::Kind;
use crate::value::Spare;

/// How far the statements on the dump's own database have got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OwnDatabase {
    /// Nothing but settings so far.
    #[default]
    Head,
    /// `--clean`: it begins with a DROP.
    Dropped,
    Created,
    /// Entered by `\connect`.
    Entered,
    /// The dump has begun without it.
    Unnamed,
}

impl OwnDatabase {
    /// What a statement on a database leads to, if it is allowed here.
    fn then(self, what: OnDatabase) -> Option<Self> {
        match (self, what) {
            (Self::Head, OnDatabase::Dropped) => Some(Self::Dropped),
            (Self::Head | Self::Dropped, OnDatabase::Created) => Some(Self::Created),
            (Self::Created | Self::Entered, OnDatabase::Changed) => Some(self),
            _ => None,
        }
    }
}

impl Scanner {
    /// Whether the statement whose `;` ends at `end` is about the dump's own database, and allowed
    /// there: it is left out.
    pub(super) fn is_of_own_database(&mut self, end: u64) -> bool {
        let Some(what) = self.list.on_database() else {
            let sets = matches!(self.statement.kind, Kind::Set(_) | Kind::Select(_));
            if self.own_database == OwnDatabase::Head && !sets {
                self.own_database = OwnDatabase::Unnamed;
            }
            return false;
        };

        let next = self.own_database.then(what);
        self.own_database = next.unwrap_or(self.own_database);
        if next.is_some() {
            self.aside(Spare::OwnDatabase, end);
        }

        next.is_some()
    }

    /// Whether a backslash line that ends at `end` connects to the database that was just created,
    /// or to it again so that its settings count: it is left out.
    pub(super) fn enters(&mut self, line: &str, end: u64) -> bool {
        let enters = match self.own_database {
            OwnDatabase::Created => line.starts_with("\\connect "),
            OwnDatabase::Entered => line.trim_end() == self.entered_by,
            _ => false,
        };

        if enters {
            self.own_database = OwnDatabase::Entered;
            self.entered_by = line.trim_end().to_owned();
            self.script.names_its_database = true;
            self.script
                .asides
                .push(Withheld { at: self.lexer.start..end, what: Spare::OwnDatabase });
        }

        enters
    }

    /// Whether it ends between the two: then its contents are not in the database that it creates.
    pub(super) fn has_not_entered(&self) -> bool {
        matches!(self.own_database, OwnDatabase::Dropped | OwnDatabase::Created)
    }
}
