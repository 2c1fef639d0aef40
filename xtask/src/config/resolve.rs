//! From the file and the environment to a `Project`, noting every value's origin.

mod connection;
mod containers;
mod environment;
mod guards;
mod hooks;
mod stores;

use std::path::{Path, PathBuf};

use anyhow::Result;
use toml::Spanned;

use super::env::Env;
use super::file::{self, DatabaseTable, File, Scalar, Text};
use super::project::{
    At, Backup, Database, Entry, KeepRules, Lent, Others, Project, Share, Strategy,
};
use super::secret::{self, Secrets};
use crate::problem::Problem;

/// Variables that, in addition to the host, say where a URI's server is.
const WHERE: [&str; 2] = ["PGHOSTADDR", "PGSERVICE"];
/// Where each backup is a file.
const FLAT: &str = "{database}_{timestamp}.{ext}";
/// Where each is a folder.
const SET: &str = "backup_{timestamp}/{store}.{ext}";

/// Resolves `file`, which is at `path` and has `text` as its contents.
pub fn resolve(path: &Path, text: &str, file: &File, env: &Env) -> Result<Project> {
    let root = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let mut r = Resolver {
        path,
        text,
        env,
        root: &root,
        secrets: Secrets::default(),
        entries: Vec::new(),
        lent: Vec::new(),
    };

    let folder_name =
        root.file_name().map_or("project".into(), |n| n.to_string_lossy().into_owned());
    let given = r.in_file("project.name", file.project.name.as_ref())?;
    let named = given.is_some();
    let name = given.unwrap_or_else(|| r.by_default("project.name", &folder_name));
    let mut guards = r.guards(file)?;

    let (environment, said_by) = r.environment(file.project.environment.as_ref(), &guards)?;
    let logs = r.in_file("project.logs", file.project.logs.as_ref())?.map(|path| r.path(&path));
    // services are stopped in the order in which the file names them
    let mut containers: Vec<_> = file.containers.iter().collect();

    containers.sort_by_key(|(key, _)| key.span().start);
    let containers = containers
        .into_iter()
        .map(|(key, table)| r.container(key.as_ref(), table))
        .collect::<Result<Vec<_>>>()?;
    let only = file.databases.len() == 1;
    let mut databases = Vec::new();

    for (key, table) in &file.databases {
        databases.push(r.database(key, table, file, only || key == "main")?);
    }

    guards.testing = for_tests(&databases)?;
    let stores = r.stores(file)?;
    let backup = r.backup(file)?;
    let after_restore = r.list("restore.next", file.restore.next.as_deref().unwrap_or(&[]))?;
    let restore_without = r.restore_without(file)?;

    let after_wipe = r.list("wipe.next", file.wipe.next.as_deref().unwrap_or(&[]))?;
    let strategy = r.strategy(file)?;
    let after_reset = r.list("reset.next", file.reset.next.as_deref().unwrap_or(&[]))?;
    let first_dump =
        r.pick("prepare.dump", file.prepare.dump.as_ref(), &[])?.map(|path| r.path(&path));
    let hooks = r.hooks("hooks", &file.hooks, file)?;

    let Resolver { secrets, entries, lent, root, .. } = r;
    Ok(Project {
        root: root.to_path_buf(),
        state: root.join(".db-tasks"),
        name,
        named,
        environment,
        said_by,
        logs,
        containers,
        databases,
        stores,
        backup,
        after_restore,
        restore_without,
        strategy,
        after_wipe,
        after_reset,
        first_dump,
        hooks,
        guards,
        secrets,
        entries,
        lent,
    })
}

/// The databases for tests. None of them may be the usual database of another table.
fn for_tests(databases: &[Database]) -> Result<Vec<String>> {
    let all: Vec<String> = databases.iter().filter_map(|d| d.testing.clone()).collect();
    let usual = databases.iter().filter_map(|d| d.connection.database.as_ref());
    match usual.into_iter().find(|name| all.contains(name)) {
        Some(name) => Err(Problem::usage(format!(
            "`{name}` is named as a database for tests, but is the usual database of another table"
        ))
        .cure("give `testing` another name: the database it names may be replaced at any time")
        .into()),
        None => Ok(all),
    }
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
        if secret::is_secret_name(name) {
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
            .because(
                "most likely a line break at its end: it comes from a file, or from the output of \
                 a program",
            )
            .cure("remove it from the variable or the file that sets it")
            .into())
    }

    fn wrong(&self, offset: usize, what: String) -> Problem {
        let (line, column) = file::position(self.text, offset);
        Problem::usage(format!(
            "`{}` is wrong at line {line}, column {column}",
            self.path.display()
        ))
        .because(what)
    }

    fn note(&mut self, key: &str, value: &str, origin: impl Into<String>) {
        self.entries.push(Entry { key: key.into(), value: value.into(), origin: origin.into() });
    }

    /// Environment over file over default: for settings.
    fn layered(
        &mut self,
        key: &str,
        value: Option<&Text>,
        vars: &[&str],
        default: &str,
    ) -> Result<String> {
        Ok(self.pick(key, value, vars)?.unwrap_or_else(|| self.by_default(key, default)))
    }

    fn by_default(&mut self, key: &str, default: &str) -> String {
        self.note(key, default, "default");
        default.to_owned()
    }

    fn pick(&mut self, key: &str, value: Option<&Text>, vars: &[&str]) -> Result<Option<String>> {
        if let Some((var, found)) = self.env.first(vars)? {
            let (found, var) = (found.to_owned(), var.to_owned());
            self.plain(key, &found)?;
            self.hide(&var);
            self.note(key, &found, format!("${var}"));
            return Ok(Some(found));
        }
        self.in_file(key, value)
    }

    fn in_file(&mut self, key: &str, value: Option<&Text>) -> Result<Option<String>> {
        let Some(value) = value else { return Ok(None) };
        let (text, origin) = self.expand(key, value.span().start, value.as_ref())?;
        self.plain(key, &text)?;
        self.note(key, &text, origin);
        Ok(Some(text).filter(|t| !t.is_empty()))
    }

    /// File over environment: for what says *which* database. A variable left over from another
    /// project must not redirect a restore.
    fn identity(
        &mut self,
        key: &str,
        value: Option<&Text>,
        vars: &[&str],
    ) -> Result<Option<String>> {
        match self.in_file(key, value)? {
            Some(found) => Ok(Some(found)),
            None => self.pick(key, None, vars),
        }
    }

    fn list(&mut self, key: &str, values: &[Text]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for value in values {
            found.push(self.expand(key, value.span().start, value.as_ref())?.0);
        }
        if let Some(first) = values.first() {
            let origin = self.expand(key, first.span().start, "")?.1;
            self.note(key, &found.join(", "), origin);
        }

        Ok(found)
    }

    fn number(
        &mut self,
        key: &str,
        value: Option<&Spanned<Scalar>>,
        vars: &[&str],
    ) -> Result<Option<u32>> {
        let text = value.map(|v| Spanned::new(v.span(), v.as_ref().0.clone()));
        let Some(found) = self.pick(key, text.as_ref(), vars)? else { return Ok(None) };
        let number = found.trim().parse().map_err(|_| {
            let origin = self.entries.last().map(|e| e.origin.clone()).unwrap_or_default();
            Problem::usage(format!("`{key}` is `{found}` ({origin})"))
                .because("it must be a whole number")
                .cure(format!("write it like `{} = 7`", key.rsplit('.').next().unwrap_or(key)))
        })?;
        Ok(Some(number))
    }

    fn path(&self, text: &str) -> PathBuf {
        self.root.join(text)
    }

    fn database(
        &mut self,
        key: &str,
        table: &DatabaseTable,
        file: &File,
        from_env: bool,
    ) -> Result<Database> {
        let at = |name: &str| format!("databases.{key}.{name}");
        let place = self.at(key, table, file)?;
        let programs = self
            .pick(&at("programs"), table.programs.as_ref(), &["DB_TASKS_PG_BIN"])?
            .map(|p| self.path(&p));
        // the project's own cluster is reached only by its socket: variables are about other
        // servers
        let from_env = from_env && !matches!(place, At::Cluster { .. });
        let connection = self.connection(key, &table.postgres, from_env)?;

        let led = connection.options.iter().find(|(name, _)| WHERE.contains(&name.as_str()));
        if let (At::Container(container), Some((variable, _))) = (&place, led) {
            return Err(Problem::usage(format!(
                "`databases.{key}` is in the container `{container}`, but its URL leads elsewhere"
            ))
            .because(format!("it has the parameter for {variable}"))
            .cure("remove one of them: `container`, or that parameter of the URL")
            .into());
        }

        if place == At::Host && led.is_some() && connection.database.is_none() {
            return Err(Problem::usage(format!("`databases.{key}` does not say which database"))
                .because("its URL leaves it to the service")
                .cure("put the database's name into the URL: `postgresql:///NAME?service=…`")
                .into());
        }

        let service = from_env && led.is_none() && self.env.needed("PGSERVICE")?.is_some();
        if place == At::Host && connection.host.is_none() && service {
            return Err(Problem::usage(format!(
                "`databases.{key}` is reached by a service (PGSERVICE), which may be on any host"
            ))
            .because("the guards must know the host before anything may be destroyed there")
            .cure(format!(
                "say where it is: `postgres = {{ host = \"…\", database = \"…\" }}` in \
                 `[databases.{key}]`, or unset PGSERVICE"
            ))
            .into());
        }

        let hooks = self.hooks(&at("hooks"), &table.hooks, file)?;
        let testing =
            self.testing(&at("testing"), table.testing.as_ref(), connection.database.as_deref())?;

        Ok(Database { key: key.into(), at: place, programs, connection, testing, hooks })
    }

    /// A database for tests must not be the usual one.
    fn testing(
        &mut self,
        key: &str,
        said: Option<&Text>,
        usual: Option<&str>,
    ) -> Result<Option<String>> {
        let (Some(name), Some(said)) = (self.in_file(key, said)?, said) else { return Ok(None) };
        if Some(name.as_str()) != usual {
            return Ok(Some(name));
        }

        let wrong = self
            .wrong(said.span().start, format!("`{key}` is `{name}`, which is the usual database"));
        Err(wrong.cure("name another one, which may be replaced at any time").into())
    }

    fn at(&mut self, key: &str, table: &DatabaseTable, file: &File) -> Result<At> {
        let at = |name: &str| format!("databases.{key}.{name}");
        let container = self.in_file(&at("container"), table.container.as_ref())?;
        let cluster = self.in_file(&at("cluster"), table.cluster.as_ref())?;
        let init = self.in_file(&at("init"), table.init.as_ref())?;

        match (container, cluster) {
            (Some(_), Some(_)) => {
                Err(Problem::usage(format!("`databases.{key}` has both `container` and `cluster`"))
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

    fn restore_without(&mut self, file: &File) -> Result<Vec<Others>> {
        let keys = [
            ("restore.no-owner", &file.restore.no_owner, Others::Owners),
            ("restore.no-privileges", &file.restore.no_privileges, Others::Rights),
        ];
        let mut without = Vec::new();
        for (key, said, claim) in keys {
            without.extend(self.flag(key, said.as_ref())?.then_some(claim));
        }

        Ok(without)
    }

    /// Settings that only the file can make.
    fn flag(&mut self, key: &str, said: Option<&Spanned<bool>>) -> Result<bool> {
        let Some(said) = said else { return Ok(false) };
        let origin = self.expand(key, said.span().start, "")?.1;
        self.note(key, &said.as_ref().to_string(), origin);
        Ok(*said.as_ref())
    }

    fn strategy(&mut self, file: &File) -> Result<Strategy> {
        let said = self.layered("reset.strategy", file.reset.strategy.as_ref(), &[], "in-place")?;
        match said.as_str() {
            "in-place" => Ok(Strategy::InPlace),
            "staged" => Ok(Strategy::Staged),
            other => Err(Problem::usage(format!("`reset.strategy` is `{other}`"))
                .cure("use `in-place` or `staged`")
                .into()),
        }
    }

    fn backup(&mut self, file: &File) -> Result<Backup> {
        let b = &file.backup;
        let dir =
            self.layered("backup.dir", b.dir.as_ref(), &["BACKUP_DIR", "SQL_DUMP_DIR"], "backups")?;

        let name = self.layered(
            "backup.name",
            b.name.as_ref(),
            &[],
            if file.stores.is_empty() { FLAT } else { SET },
        )?;

        if !file.stores.is_empty() && !name.contains('/') {
            return Err(Problem::usage(format!("`backup.name` is `{name}`, and there are stores"))
                .because(
                    "databases and stores are one backup, which needs a folder: it gets its name \
                     once all of it is verified",
                )
                .cure(format!("write `name = \"{SET}\"`, or remove it"))
                .into());
        }

        let timestamp =
            self.layered("backup.timestamp", b.timestamp.as_ref(), &[], "%Y%m%d_%H%M%S")?;
        let compress = self.layered("backup.compress", b.compress.as_ref(), &[], "zstd")?;
        let level = self.number("backup.level", b.level.as_ref(), &[])?.map(u32::cast_signed);

        let days = self.number(
            "backup.keep-days",
            b.keep_days.as_ref(),
            &["BACKUP_RETENTION_DAYS", "BACKUP_KEEP_DAYS"],
        )?;

        let min = self.number("backup.min-keep", b.min_keep.as_ref(), &["BACKUP_MIN_KEEP"])?;
        let min = min.unwrap_or_else(|| {
            self.by_default("backup.min-keep", "5");
            5
        });
        let daily = self.number("backup.keep-daily", b.keep_daily.as_ref(), &[])?.unwrap_or(0);
        let weekly = self.number("backup.keep-weekly", b.keep_weekly.as_ref(), &[])?.unwrap_or(0);
        let monthly =
            self.number("backup.keep-monthly", b.keep_monthly.as_ref(), &[])?.unwrap_or(0);

        let interval_hours = self.number(
            "backup.interval-hours",
            b.interval_hours.as_ref(),
            &["BACKUP_INTERVAL_HOURS"],
        )?;

        let interval_hours = interval_hours.unwrap_or_else(|| {
            self.by_default("backup.interval-hours", "24");
            24
        });
        let ask = self.flag("backup.ask", b.ask.as_ref())?;
        let keep = KeepRules { days, min, daily, weekly, monthly };

        let backup = Backup {
            dir: self.path(&dir),
            name,
            timestamp,
            compress,
            level,
            keep,
            interval_hours,
            ask,
        };
        Ok(backup)
    }
}
