//! Tasks that only look.

use std::io::IsTerminal;

use anyhow::Result;

use super::cluster::Wants;
use super::session::{Intent, Session};
use super::writing;
use crate::bundle::{Backup, Catalog};
use crate::cli;
use crate::config::{At, Database, Entry};
use crate::door::movers;
use crate::engine::postgres::client::{Script, Terminal};
use crate::engine::postgres::facts::Depth;
use crate::facts::{containers, health};
use crate::gate::Ask;
use crate::problem::{Exit, Problem, first_line};
use crate::ui::terminal;
use crate::view;

/// `db-list`
pub fn list(session: &mut Session, args: &cli::List) -> Result<Exit> {
    let dir = args.backup_dir.clone().unwrap_or_else(|| session.project.backup.dir.clone());
    let catalog = Catalog::read(&dir, &session.project)?;
    let shown = &catalog.backups[..catalog.backups.len().min(args.limit.unwrap_or(usize::MAX))];
    let backups: Vec<_> = shown.iter().map(view::backups::summary).collect();
    let reader = view::backups::Reader {
        now: session.moment.now,
        width: terminal::width_of(&std::io::stdout(), &session.env),
    };

    let fields =
        serde_json::json!({ "dir": dir, "backups": backups, "unfinished": catalog.unfinished });
    let text = if args.names {
        view::backups::names(shown)
    } else {
        view::backups::list(&catalog, shown, reader)
    };
    session.show(&text, fields)
}

/// `db-info`
pub fn info(session: &mut Session, name: &str) -> Result<Exit> {
    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let backup = catalog.meant(name, &session.project)?;
    show(session, &backup)
}

/// Prints what a backup holds.
pub fn show(session: &mut Session, backup: &Backup) -> Result<Exit> {
    session.show(&view::backups::info(backup), view::backups::json(backup))
}

/// Lets a person choose from the list; `q` and the end of input choose nothing.
pub fn pick(session: &mut Session, catalog: &Catalog) -> Result<Option<Backup>> {
    if catalog.backups.is_empty() {
        return writing::latest(session, catalog, &[]).map(Some);
    }

    if !std::io::stdin().is_terminal() {
        return Err(Problem::refused(
            "which backup is meant can't be asked: standard input is no terminal",
        )
        .cure("name it, or give `--latest` or `--file PATH`")
        .into());
    }

    let reader = view::backups::Reader {
        now: session.moment.now,
        width: terminal::width_of(&std::io::stderr(), &session.env),
    };
    session.terminal.say(&view::backups::numbered(catalog, reader));
    loop {
        let Some(given) = session.terminal.ask("Number of the backup to restore (q to quit): ")?
        else {
            return Ok(None);
        };
        match (given.trim(), given.trim().parse::<usize>()) {
            ("q" | "quit", _) => return Ok(None),
            (_, Ok(n)) if (1..=catalog.backups.len()).contains(&n) => {
                return Ok(Some(catalog.backups[n - 1].clone()));
            }
            _ => session.terminal.say(&format!(
                "there is no `{}`: a number from 1 to {}, or q",
                given.trim(),
                catalog.backups.len()
            )),
        }
    }
}

/// `db-status`
pub fn status(session: &mut Session, args: &cli::Status) -> Result<Exit> {
    let all = session.project.databases.clone();
    session.with_servers(&all, Wants::AsFound, Intent::Run, |session| show_status(session, args))
}

fn show_status(session: &mut Session, args: &cli::Status) -> Result<Exit> {
    let surveyor = session.surveyor();
    let databases: Vec<_> = session
        .project
        .databases
        .iter()
        .map(|d| (d.clone(), surveyor.survey(d, Depth::Tables)))
        .collect();

    let stores: Vec<_> =
        session.project.stores.iter().map(|s| (s.clone(), surveyor.store(s))).collect();
    let containers: Vec<_> = session
        .project
        .containers
        .iter()
        .map(|c| (c.clone(), containers::inspect(c, &session.env)))
        .collect();

    let catalog = Catalog::read(&session.project.backup.dir, &session.project)?;
    let unfinished = session.unfinished();
    let half_emptied = session.half_emptied();

    let status = view::status::Status {
        unfinished: unfinished.as_ref(),
        unsafe_journal: session.unsafe_journal(),
        half_emptied: half_emptied
            .unwrap_or_else(|e| Some(Problem::failed(format!("{e:#}"))))
            .map(|p| p.to_string()),
        project: &session.project,
        databases: &databases,
        stores: &stores,
        containers: &containers,
        catalog: &catalog,
        disk_left: health::disk_left(&session.project.backup.dir),
        max_age_hours: args.max_age.unwrap_or(session.project.backup.interval_hours),
        now: session.moment.now,
    };

    let problems = status.problems();
    let (text, fields) = (status.text(), status.json());
    session.show(&text, fields)?;

    Ok(if args.check && !problems.is_empty() { Exit::Failed } else { Exit::Done })
}

/// `db-shell`
pub fn shell(session: &mut Session, args: &cli::Shell) -> Result<Exit> {
    let database = session.database(args.database.as_deref())?;
    let intent = Intent::by_flag(args.dry_run);
    let databases = std::slice::from_ref(&database);
    session.with_servers(databases, Wants::Made, intent, |session| {
        open_shell(session, args, &database)
    })
}

fn open_shell(session: &mut Session, args: &cli::Shell, database: &Database) -> Result<Exit> {
    let (client, ..) = session.surveyor().client(database)?;
    let input = match (&args.command, &args.file) {
        (Some(sql), _) => Some(Script::Statements(sql.clone())),
        // read here: the container has no such file
        (_, Some(path)) => {
            let sql = std::fs::read_to_string(path).map_err(|e| {
                Problem::usage(format!("could not read `{}`", path.display()))
                    .because(e.to_string())
            })?;
            Some(if args.no_transaction {
                Script::Statements(sql)
            } else {
                Script::Transaction(sql)
            })
        }
        _ => None,
    };

    if input.is_none() && !session.lends_output() {
        return Err(Problem::usage("a shell that is typed into has no document")
            .cure("with `--json`, say what it is to run: `-c SQL` or `-f FILE`")
            .into());
    }

    let both_ends = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let cmd = client.shell(input, if both_ends { Terminal::Present } else { Terminal::Absent });
    if args.dry_run {
        return session.print(&format!("$ {cmd}"));
    }

    let (interrupt, _) = session.signals();
    if !session.lends_output() {
        let said = movers::command(&cmd, &session.project.secrets, &interrupt)?;
        return session.print(&said);
    }

    let status = movers::hand_over(&cmd, &session.project.secrets, &interrupt)?;
    if status == Some(0) {
        Ok(Exit::Done)
    } else {
        let ended = Problem::failed(format!(
            "psql ended with {}",
            status.map_or("a signal".into(), |c| format!("exit code {c}"))
        ));
        Err(match (&args.file, args.no_transaction) {
            (Some(_), false) => ended
                .because(
                    "the file is one transaction: none of it is done, unless it holds a COMMIT of \
                     its own",
                )
                .cure(
                    "mend it; what can't run in a transaction (VACUUM, CREATE DATABASE) runs with \
                     `db-shell -f FILE --no-transaction`",
                ),
            _ => ended,
        }
        .into())
    }
}

/// `db-config`
pub fn config(session: &mut Session) -> Result<Exit> {
    let nameless = session.project.databases.iter().filter(|d| d.connection.database.is_none());
    let found: Vec<Entry> = nameless.filter_map(|database| taken(session, database)).collect();
    session.project.entries.extend(found);
    let (text, fields) =
        (view::config::text(&session.project), view::config::json(&session.project));
    session.show(&text, fields)
}

/// What stands for the name of a database that the project does not say.
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

/// `db-doctor`
pub fn doctor(session: &mut Session) -> Result<Exit> {
    let all = session.project.databases.clone();
    session.with_servers(&all, Wants::AsFound, Intent::Run, show_findings)
}

fn show_findings(session: &mut Session) -> Result<Exit> {
    let findings = health::examine(&health::Patient {
        project: &session.project,
        env: &session.env,
        surveyor: session.surveyor(),
    });
    let text = session.typed.text(&view::doctor::text(&findings));
    session.show(&text, view::doctor::json(&findings))?;
    Ok(if findings.iter().any(|f| f.is_problem()) { Exit::Failed } else { Exit::Done })
}
