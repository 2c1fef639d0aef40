//! A database's marker: a setting, which needs a superuser, or a line in its comment, which its
//! owner may write. The server keeps both, so no plain dump has them.

use crate::engine::postgres::client::name::ident;
use crate::value::{DatabaseFacts, Mark, MarkedBy};

/// The setting for a database's marker. The server keeps it, not the database: no dump has it.
pub const MARKER: &str = "dbtasks.environment";

impl Mark {
    /// What removes it, and who may do that.
    pub fn lifted(&self, database: &str) -> String {
        match self.by {
            MarkedBy::Setting => {
                format!(
                    "have an administrator run `ALTER DATABASE {} RESET {MARKER}`",
                    ident(database)
                )
            }
            MarkedBy::Comment => format!(
                "its owner removes the line `{MARKER} = {}` from its comment (`COMMENT ON DATABASE \
                 {} IS …`)",
                self.environment,
                ident(database)
            ),
        }
    }
}

impl DatabaseFacts {
    /// All its markers, the settings first. A setting for only one role is about the data, too; if
    /// there are two markers, both count.
    pub fn marks(&self) -> Vec<Mark> {
        let settings = self.settings.iter().filter(|s| s.name.eq_ignore_ascii_case(MARKER));
        let (of_all, of_one): (Vec<_>, Vec<_>) = settings.partition(|s| s.role.is_none());
        let settings = of_all
            .into_iter()
            .chain(of_one)
            .map(|s| Mark { environment: s.value.clone(), by: MarkedBy::Setting });
        let lines = self.own_comment().unwrap_or_default().lines().filter_map(marked);

        settings
            .chain(lines.map(|said| Mark { environment: said.to_owned(), by: MarkedBy::Comment }))
            .collect()
    }

    /// The same in words, if there is a marker.
    pub fn marker(&self) -> Option<String> {
        let mut said: Vec<String> = Vec::new();
        for mark in self.marks() {
            if !said.contains(&mark.environment) {
                said.push(mark.environment);
            }
        }
        (!said.is_empty()).then(|| said.join(", "))
    }
}

/// The environment that a line of a comment names.
fn marked(line: &str) -> Option<&str> {
    let line = line.trim();
    let (name, rest) = line.split_at_checked(MARKER.len())?;
    let said = rest.trim_start().strip_prefix('=')?.trim().trim_matches(['\'', '"']).trim();
    (name.eq_ignore_ascii_case(MARKER) && !said.is_empty()).then_some(said)
}

/// A comment without such a line: a dump does not keep it.
pub fn unmarked(comment: &str) -> Option<String> {
    let rest: Vec<&str> = comment.lines().filter(|line| marked(line).is_none()).collect();
    let rest = rest.join("\n");
    (!rest.trim().is_empty()).then_some(rest)
}

/// The comment with the marker, in addition to its text.
pub(in crate::engine::postgres) fn with_mark(comment: Option<&str>, environment: &str) -> String {
    let kept = comment.and_then(unmarked).map_or(String::new(), |kept| format!("{kept}\n"));
    format!("{kept}{MARKER} = {environment}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Setting;

    fn database(comment: Option<&str>, settings: &[(Option<&str>, &str)]) -> DatabaseFacts {
        let setting = |(role, value): &(Option<&str>, &str)| Setting {
            role: role.map(String::from),
            name: "DbTasks.Environment".into(),
            value: (*value).into(),
        };

        DatabaseFacts {
            comment: comment.map(String::from),
            settings: settings.iter().map(setting).collect(),
            ..DatabaseFacts::default()
        }
    }

    #[test]
    fn a_database_says_what_it_is_in_two_ways() {
        for (comment, settings, want) in [
            (None, &[][..], None),
            (Some("the shop's data"), &[], None),
            (Some("about dbtasks.environment = production"), &[], None),
            (Some("dbtasks.environments = production"), &[], None),
            (Some("dbtasks.environment ="), &[], None),
            (Some("dbtasks.environment = production"), &[], Some("production")),
            (Some("the shop's\n  DBTASKS.environment='prod' \nof 2024"), &[], Some("prod")),
            (
                Some("db-tasks: kept for db-undo\nold\ndbtasks.environment = production"),
                &[],
                Some("production"),
            ),
            (
                Some("dbtasks.environment = production"),
                &[(None, "development")],
                Some("development, production"),
            ),
            (
                Some("dbtasks.environment = staging"),
                &[(Some("app"), "prod"), (None, "staging")],
                Some("staging, prod"),
            ),
            (Some("dbtäsks.environment = x"), &[], None),
        ] {
            assert_eq!(database(comment, settings).marker().as_deref(), want, "{comment:?}");
        }
    }

    #[test]
    fn the_comment_that_is_there_stays() {
        for (comment, want) in [
            (None, "dbtasks.environment = prod"),
            (Some("the shop's\ndata"), "the shop's\ndata\ndbtasks.environment = prod"),
            (Some("a\ndbtasks.environment = staging\nb"), "a\nb\ndbtasks.environment = prod"),
        ] {
            assert_eq!(with_mark(comment, "prod"), want);
            assert_eq!(unmarked(want).as_deref(), comment.and_then(unmarked).as_deref());
        }
    }
}
