//! `db-pgpass`: writes the passwords of the project's databases into your password file, so that
//! psql asks for none.

use std::path::Path;

use crate::cmd::quoted;
use crate::plan::{Act, Deed, How, Login, Plan, Risk, Step};
use crate::tasks;

/// Plans it; `notes` says why the other databases have no line.
pub fn plan(file: &Path, logins: Vec<Login>, notes: Vec<String>) -> Plan {
    if logins.is_empty() {
        let headline = "there is no password to write".to_owned();
        return Plan { notes, ..Plan::bare(tasks::PGPASS.name, headline, Risk::Nothing) };
    }

    let headline = format!("write passwords into {}", file.display());
    let lines =
        logins.iter().map(|login| format!("{}:***", login.fields())).collect::<Vec<_>>().join(", ");
    let afterwards = logins.iter().map(told).collect();
    let deed = Deed {
        what: format!("the lines {lines}"),
        how: How::Passwords(file.to_path_buf(), logins),
    };

    Plan {
        notes,
        steps: vec![Step::Act(Act::Write(deed))],
        afterwards,
        ..Plan::bare(tasks::PGPASS.name, headline, Risk::Nothing)
    }
}

fn told(login: &Login) -> String {
    let words =
        [("-h", &login.host), ("-p", &login.port), ("-U", &login.user), ("-d", &login.database)];
    let words = words
        .into_iter()
        .filter(|(_, word)| *word != "*")
        .map(|(flag, word)| format!(" {flag} {}", quoted(word)));
    format!("it asks for no password: psql{}", words.collect::<String>())
}
