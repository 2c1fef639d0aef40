//! From the file and the environment to a `Project`, noting every value's origin.

mod connection;
mod containers;
mod encryption;
mod environment;
mod guards;
mod hooks;
mod notices;
mod plain;
mod ratchet;
mod retention;
mod schedule;
mod stores;
mod values;

use std::path::Path;

use anyhow::Result;
use toml::Spanned;

use super::env::Env;
use super::file::{self, DatabaseTable, File, Scalar, Text};
use super::project::{At, Backup, Container, Database, Entry, Lent, Project, Share};
use super::secret::{self, Secrets};
use super::settings::{Key, audit, backup, by_task, databases, metrics, project};
use crate::problem::{Code, Problem};

/// Variables that, in addition to the host, say where a URI's server is.
const WHERE: [&str; 2] = ["PGHOSTADDR", "PGSERVICE"];
/// Resolves `file`, which is at `path` and has `text` as its contents.
pub fn resolve(path: &Path, text: &str, file: &File, env: &Env) -> Result<Project> {
    let root = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    anyhow::ensure!(root.to_str().is_some(), no_text(&root));
    let mut r = Resolver::new(path, text, env, &root);

    let (name, named) = r.name(file)?;
    let mut guards = r.guards(file)?;
    let (environment, said_by) = r.environment(file.project.environment.as_ref(), &guards)?;

    // `db-config` shows the values in this order
    let logs = r.path_of(&project::LOGS.key(), file.project.logs.as_ref())?;
    let (containers, databases) = (r.containers(file)?, r.databases(file)?);
    guards.testing = for_tests(&databases)?;
    let (stores, backup) = (r.stores(file)?, r.backup(file)?);
    let encryption = r.encryption(&file.encryption)?;

    Ok(Project {
        file: path.to_path_buf(),
        state: root.join(".db-tasks"),
        name,
        named,
        environment,
        said_by,
        logs,
        containers,
        databases,
        guards,
        stores,
        schedule: r.schedule(&file.schedule, backup.interval_hours)?,
        backup,
        encryption,
        after_restore: r.next(by_task::RESTORE_NEXT.key, file.restore.next.as_ref())?,
        restore_without: r.restore_without(file)?,
        after_wipe: r.next(by_task::WIPE_NEXT.key, file.wipe.next.as_ref())?,
        strategy: r.strategy(file)?,
        after_reset: r.next(by_task::RESET_NEXT.key, file.reset.next.as_ref())?,
        first_dump: r.path_of(&by_task::DUMP.key(), file.prepare.dump.as_ref())?,
        hooks: r.hooks("hooks", &file.hooks, file)?,
        notices: file.notices.iter().map(|(k, v)| r.notice(k, v)).collect::<Result<_>>()?,
        audit: r.path_of(&audit::FILE.key(), file.audit.file.as_ref())?,
        metrics: r.path_of(&metrics::TEXTFILE.key(), file.metrics.textfile.as_ref())?,
        secrets: r.secrets,
        entries: r.entries,
        lent: r.lent,
        root,
    })
}

/// A command line, a journal and a document hold text, which would name another folder.
fn no_text(root: &Path) -> Problem {
    Problem::usage(format!("the project's folder is not UTF-8: `{}`", root.display()))
        .code(Code::Config)
        .because("its programs would be started for a folder with another name")
        .cure("rename it, or the folder that it is in")
}

fn led_elsewhere(key: &str, container: &str, variable: &str) -> Problem {
    Problem::usage(format!(
        "`databases.{key}` is in the container `{container}`, but its URL leads elsewhere"
    ))
    .code(Code::Config)
    .because(format!("it has the parameter for {variable}"))
    .cure("remove one of them: `container`, or that parameter of the URL")
}

fn left_to_the_service(key: &str) -> Problem {
    Problem::usage(format!("`databases.{key}` does not say which database"))
        .code(Code::Config)
        .because("its URL leaves it to the service")
        .cure("put the database's name into the URL: `postgresql:///NAME?service=…`")
}

fn by_a_service(key: &str) -> Problem {
    Problem::usage(format!(
        "`databases.{key}` is reached by a service (PGSERVICE), which may be on any host"
    ))
    .code(Code::Config)
    .because("the guards must know the host before anything may be destroyed there")
    .cure(format!(
        "say where it is: `postgres = {{ host = \"…\", database = \"…\" }}` in \
         `[databases.{key}]`, or unset PGSERVICE"
    ))
}

/// The databases for tests. None of them may be the usual database of another table.
fn for_tests(databases: &[Database]) -> Result<Vec<String>> {
    let all: Vec<String> = databases.iter().filter_map(|d| d.testing.clone()).collect();
    let usual = databases.iter().filter_map(|d| d.connection.database.as_ref());
    match usual.into_iter().find(|name| all.contains(name)) {
        Some(name) => Err(Problem::usage(format!(
            "`{name}` is named as a database for tests, but is the usual database of another table"
        ))
        .code(Code::Config)
        .cure("give `testing` another name: the database it names may be replaced at any time")
        .into()),
        None => Ok(all),
    }
}

/// A number or a text, as a text at its place.
fn text_of(value: &Spanned<Scalar>) -> Text {
    Spanned::new(value.span(), value.as_ref().0.clone())
}

fn nothing_said(key: &Key) -> anyhow::Error {
    Problem::usage(format!("`{}` is not set, and it has no default", key.text))
        .code(Code::Config)
        .cure(format!("set `{}` in `db-tasks.toml`", key.text))
        .into()
}

struct Resolver<'a> {
    path: &'a Path,
    text: &'a str,
    env: &'a Env,
    root: &'a Path,
    secrets: Secrets,
    entries: Vec<Entry>,
    lent: Vec<Lent>,
}

impl<'a> Resolver<'a> {
    fn new(path: &'a Path, text: &'a str, env: &'a Env, root: &'a Path) -> Self {
        let (secrets, entries, lent) = Default::default();
        Self { path, text, env, root, secrets, entries, lent }
    }
}

impl Resolver<'_> {
    /// Expands a value of the file, with its origin.
    fn expand(&mut self, key: &str, offset: usize, raw: &str) -> Result<(String, String)> {
        let expanded = self.env.expand(raw).map_err(|missing| {
            if let Some(broken) = missing.broken {
                return broken.into();
            }

            let why =
                if missing.message.is_empty() { "it is not set".into() } else { missing.message };

            self.wrong(offset, format!("`{key}` needs the variable `{}`: {why}", missing.name))
                .cure(format!(
                    "set `{0}` in the environment or in `.env`, or write `${{{0}:-default}}`",
                    missing.name
                ))
        })?;

        let (line, _) = file::position(self.text, offset);
        let mut origin =
            format!("{}:{line}", self.path.file_name().unwrap_or_default().to_string_lossy());

        for name in &expanded.from {
            origin.push_str(&format!(" (${name})"));
            self.hide(name);
            let is_all =
                expanded.from.len() == 1 && self.env.get(name) == Some(expanded.text.as_str());
            self.lend(key, name, if is_all { Share::Whole } else { Share::Part });
        }

        Ok((expanded.text, origin))
    }

    fn lend(&mut self, key: &str, variable: &str, share: Share) {
        self.lent.push(Lent { variable: variable.to_owned(), key: key.to_owned(), share });
    }

    /// A variable's value is never shown if its name or its form says that it is secret.
    fn hide(&mut self, name: &str) {
        let Some(value) = self.env.get(name) else { return };
        // the path of a file with a secret is none
        if secret::is_secret_name(name) && !name.ends_with("_FILE") {
            self.secrets.also_hide(value.to_owned());
        }
        if let Some(password) = secret::password_in(value) {
            self.secrets.also_hide(password.to_owned());
        }
    }

    /// A value without characters that could start a line of their own.
    fn plain(&self, key: &str, value: &str) -> Result<()> {
        if !value.contains(char::is_control) {
            return Ok(());
        }

        Err(Problem::usage(format!("`{key}` holds a control character"))
            .code(Code::Config)
            .because(
                "most likely a line break at its end: it comes from a file, or from the output of \
                 a program",
            )
            .cure("remove it from the variable or the file that sets it")
            .into())
    }

    /// Services are stopped in the order in which the file names them.
    fn containers(&mut self, file: &File) -> Result<Vec<Container>> {
        let mut tables: Vec<_> = file.containers.iter().collect();
        tables.sort_by_key(|(key, _)| key.span().start);
        tables.into_iter().map(|(key, table)| self.container(key.as_ref(), table)).collect()
    }

    fn databases(&mut self, file: &File) -> Result<Vec<Database>> {
        let only = file.databases.len() == 1;
        let one = |(key, table): (&String, &DatabaseTable)| {
            self.database(key, table, file, only || key == "main")
        };
        file.databases.iter().map(one).collect()
    }

    /// What to do next, after a task.
    fn next(&mut self, key: &'static str, lines: Option<&Vec<Text>>) -> Result<Vec<String>> {
        self.list(key, lines.map_or(&[], Vec::as_slice))
    }

    fn wrong(&self, offset: usize, what: String) -> Problem {
        let (line, column) = file::position(self.text, offset);
        Problem::usage(format!(
            "`{}` is wrong at line {line}, column {column}",
            self.path.display()
        ))
        .code(Code::Config)
        .because(what)
    }

    fn note(&mut self, key: &str, value: &str, origin: impl Into<String>) {
        self.entries.push(Entry { key: key.into(), value: value.into(), origin: origin.into() });
    }

    fn database(
        &mut self,
        key: &str,
        table: &DatabaseTable,
        file: &File,
        from_env: bool,
    ) -> Result<Database> {
        let place = self.at(key, table, file)?;
        let programs = self.setting(&databases::PROGRAMS.of(key), table.programs.as_ref())?;
        let programs = programs.map(|p| self.path(&p));
        // the project's own cluster is reached only by its socket: variables are about other
        // servers
        let from_env = from_env && !matches!(place, At::Cluster { .. });
        let connection = self.connection(key, &table.postgres, from_env)?;

        let led = connection.options.iter().find(|(name, _)| WHERE.contains(&name.as_str()));
        let service = from_env && led.is_none() && self.env.needed("PGSERVICE")?.is_some();
        match (&place, led) {
            (At::Container(container), Some((variable, _))) => {
                return Err(led_elsewhere(key, container, variable).into());
            }
            (At::Host, Some(_)) if connection.database.is_none() => {
                return Err(left_to_the_service(key).into());
            }
            (At::Host, _) if connection.host.is_none() && service => {
                return Err(by_a_service(key).into());
            }
            _ => {}
        }

        let hooks = self.hooks(&databases::HOOKS.of(key).text, &table.hooks, file)?;
        let testing = self.testing(
            &databases::TESTING.of(key),
            table.testing.as_ref(),
            connection.database.as_deref(),
        )?;

        Ok(Database { key: key.into(), at: place, programs, connection, testing, hooks })
    }

    /// A database for tests must not be the usual one.
    fn testing(
        &mut self,
        key: &Key,
        said: Option<&Text>,
        usual: Option<&str>,
    ) -> Result<Option<String>> {
        let (Some(name), Some(said)) = (self.setting(key, said)?, said) else { return Ok(None) };
        if Some(name.as_str()) != usual {
            return Ok(Some(name));
        }

        let wrong = self.wrong(
            said.span().start,
            format!("`{}` is `{name}`, which is the usual database itself", key.text),
        );
        Err(wrong.cure("name another one, which may be replaced at any time").into())
    }

    fn at(&mut self, key: &str, table: &DatabaseTable, file: &File) -> Result<At> {
        let container = self.setting(&databases::CONTAINER.of(key), table.container.as_ref())?;
        let cluster = self.setting(&databases::CLUSTER.of(key), table.cluster.as_ref())?;
        let init = self.setting(&databases::INIT.of(key), table.init.as_ref())?;

        match (container, cluster) {
            (Some(_), Some(_)) => {
                Err(Problem::usage(format!("`databases.{key}` has both `container` and `cluster`"))
                    .code(Code::Config)
                    .cure("keep the one where the server runs")
                    .into())
            }
            (Some(container), None) if file.containers.contains_key(container.as_str()) => {
                Ok(At::Container(container))
            }
            (Some(container), None) => {
                let offset = table.container.as_ref().map_or(0, |c| c.span().start);
                let known: Vec<_> =
                    file.containers.keys().map(|k| format!("`{}`", k.as_ref())).collect();

                Err(self
                    .wrong(offset, format!("there is no `[containers.{container}]`"))
                    .cure(if known.is_empty() {
                        format!("add `[containers.{container}]` with `docker = \"container-name\"`")
                    } else {
                        format!("known are {}", known.join(", "))
                    })
                    .into())
            }
            (None, Some(cluster)) => {
                Ok(At::Cluster { folder: self.path(&cluster), init: init.map(|i| self.path(&i)) })
            }
            (None, None) => Ok(At::Host),
        }
    }

    fn backup(&mut self, file: &File) -> Result<Backup> {
        let b = &file.backup;
        let dir = self.needed(&backup::DIR.key(), b.dir.as_ref())?;

        let usual = if file.stores.is_empty() { backup::FLAT } else { backup::SET };
        let name = self.setting(&backup::NAME.key(), b.name.as_ref())?;
        let name = name.unwrap_or_else(|| self.by_default(&backup::NAME.key(), usual));

        if !file.stores.is_empty() && !name.contains('/') {
            return Err(Problem::usage(format!("`backup.name` is `{name}`, and there are stores"))
                .code(Code::Config)
                .because(
                    "databases and stores are one backup, which needs a folder: it gets its name \
                     once all of it is verified",
                )
                .cure(format!("write `name = \"{}\"`, or leave it out", backup::SET))
                .into());
        }

        let timestamp = self.needed(&backup::TIMESTAMP.key(), b.timestamp.as_ref())?;
        let compress = self.needed(&backup::COMPRESS.key(), b.compress.as_ref())?;
        let level = self.number(&backup::LEVEL.key(), b.level.as_ref())?.map(u32::cast_signed);

        let plain = self.plain_dumps(file, &name)?;
        let keep = self.retention(file)?;
        let interval_hours =
            self.count(&backup::INTERVAL_HOURS.key(), b.interval_hours.as_ref())?;
        let ask = self.switch(&backup::ASK.key(), b.ask.as_ref())?;

        let backup = Backup {
            dir: self.path(&dir),
            name,
            timestamp,
            compress,
            level,
            plain,
            keep,
            interval_hours,
            ask,
        };
        Ok(backup)
    }
}
