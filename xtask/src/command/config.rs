//! `db-config`: show every setting and where it came from.

mod view;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::config::{At, Database, Entry, settings};
use crate::problem::{Exit, first_line};
use crate::session::Session;
use crate::tasks::{self, Task};

/// `db-config`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Config {
    /// Print the JSON Schema of `db-tasks.toml`, for editors; needs no project
    #[arg(long)]
    pub schema: bool,
}

const EXAMPLES: &str = "Examples:
  db-config                  every setting: from the file, the environment, `.env`, or the default
  db-config --no-dotenv      what would apply without `.env`
  db-config --config other/db-tasks.toml
  db-config --schema         for your editor: docs/configuration.md says how";

impl Command for Config {
    fn task(&self) -> &'static Task {
        &tasks::CONFIG
    }

    fn print_alone(&self, _program: &dyn Fn() -> clap::Command) -> Option<String> {
        self.schema.then(|| format!("{:#}", settings::schema()))
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let nameless = session.project.databases.iter().filter(|d| d.connection.database.is_none());
        let found: Vec<Entry> = nameless.filter_map(|database| taken(session, database)).collect();
        session.project.entries.extend(found);
        let (text, fields) = (view::text(&session.project), view::json(&session.project));
        session.show(&text, fields)
    }
}

/// What is shown for a database whose name the project does not say.
fn taken(session: &Session, database: &Database) -> Option<Entry> {
    if matches!(database.at, At::Cluster { .. }) {
        return None;
    }

    let key = format!("databases.{}.postgres.database", database.key);
    Some(match session.surveyor().client(database) {
        Err(e) => Entry { key, value: "(not known)".into(), origin: first_line(&e) },
        Ok((client, container, _)) => {
            let origin = match (&client.connection.guessed, container) {
                (Some(why), _) => format!("a guess: {why}"),
                (None, Some(container)) => format!("the container {}", container.name),
                (None, None) => return None,
            };
            Entry { key, value: client.database().into(), origin }
        }
    })
}
