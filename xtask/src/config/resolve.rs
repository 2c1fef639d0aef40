//! From the file and the environment to a `Project`, noting every value's origin.

mod guards;
mod stores;

use std::path::{Path, PathBuf};

use anyhow::Result;
use toml::Spanned;

use super::env::Env;
use super::environment::{self, Origin, Said};
use super::file::{self, ContainerTable, DatabaseTable, File, HookTable, HooksTable, PostgresTable, Scalar, Text, Words};
use super::hooks::{self, Hook, Run};
use super::project::{
    At, Backup, Connection, Container, ContainerBy, Database, Entry, Guards, KeepRules, Project, Service, Strategy,
};
use super::secret::Secrets;
use super::url;
use crate::problem::Problem;

/// Variables by which a URI says where its server is, beside its host.
const WHERE: [&str; 2] = ["PGHOSTADDR", "PGSERVICE"];
/// Where compose itself is told its project.
const COMPOSE_PROJECT: &str = "COMPOSE_PROJECT_NAME";
/// Where each backup is a file.
const FLAT: &str = "{database}_{timestamp}.{ext}";
/// Where each is a folder.
const SET: &str = "backup_{timestamp}/{store}.{ext}";

/// Resolves `file`, which stands at `path` with `text` as its contents.
pub fn resolve(path: &Path, text: &str, file: &File, env: &Env) -> Result<Project> {
    let root = path.parent().unwrap_or(Path::new(".")).to_path_buf();
    let mut r = Resolver { path, text, env, root: &root, secrets: Secrets::default(), entries: Vec::new() };
    let folder_name = root.file_name().map_or("project".into(), |n| n.to_string_lossy().into_owned());
    let given = r.in_file("project.name", file.project.name.as_ref())?;
    let named = given.is_some();
    let name = given.unwrap_or_else(|| r.by_default("project.name", &folder_name));
    let guards = r.guards(file)?;
    let (environment, said_by) = r.environment(file.project.environment.as_ref(), &guards)?;
    // services are stopped in the order in which the file names them
    let mut containers: Vec<_> = file.containers.iter().collect();
    containers.sort_by_key(|(key, _)| key.span().start);
    let containers = containers.into_iter().map(|(key, table)| r.container(key.as_ref(), table)).collect::<Result<Vec<_>>>()?;
    let only = file.databases.len() == 1;
    let mut databases = Vec::new();
    for (key, table) in &file.databases {
        databases.push(r.database(key, table, file, only || key == "main")?);
    }
    let stores = r.stores(file)?;
    let backup = r.backup(file)?;
    let after_restore = r.list("restore.next", file.restore.next.as_deref().unwrap_or(&[]))?;
    let strategy = r.strategy(file)?;
    let after_reset = r.list("reset.next", file.reset.next.as_deref().unwrap_or(&[]))?;
    let first_dump = r.pick("prepare.dump", file.prepare.dump.as_ref(), &[])?.map(|path| r.path(&path));
    let hooks = r.hooks("hooks", &file.hooks, file)?;
    let Resolver { secrets, entries, root, .. } = r;
    Ok(Project {
        root: root.to_path_buf(),
        name,
        named,
        environment,
        said_by,
        containers,
        databases,
        stores,
        backup,
        after_restore,
        strategy,
        after_reset,
        first_dump,
        hooks,
        guards,
        secrets,
        entries,
    })
}

struct Resolver<'a> {
    path: &'a Path,
    text: &'a str,
    env: &'a Env,
    root: &'a Path,
    secrets: Secrets,
    entries: Vec<Entry>,
}

impl Resolver<'_> {
    /// Expands a value of the file, with its origin.
    fn expand(&self, key: &str, offset: usize, raw: &str) -> Result<(String, String)> {
        let expanded = self.env.expand(raw).map_err(|missing| {
            if let Some(broken) = missing.broken {
                return broken.into();
            }
            let why = if missing.message.is_empty() { "it is not set".into() } else { missing.message };
            self.wrong(offset, format!("`{key}` needs the variable `{}`: {why}", missing.name))
                .cure(format!("set `{0}` in the environment or in `.env`, or write `${{{0}:-default}}`", missing.name))
        })?;
        let (line, _) = file::position(self.text, offset);
        let mut origin = format!("{}:{line}", self.path.file_name().unwrap_or_default().to_string_lossy());
        for name in &expanded.from {
            origin.push_str(&format!(" (${name})"));
        }
        Ok((expanded.text, origin))
    }

    fn wrong(&self, offset: usize, what: String) -> Problem {
        let (line, column) = file::position(self.text, offset);
        Problem::usage(format!("`{}` is wrong at line {line}, column {column}", self.path.display())).because(what)
    }

    fn note(&mut self, key: &str, value: &str, origin: impl Into<String>) {
        self.entries.push(Entry { key: key.into(), value: value.into(), origin: origin.into() });
    }

    /// Environment over file over default: for settings.
    fn layered(&mut self, key: &str, value: Option<&Text>, vars: &[&str], default: &str) -> Result<String> {
        Ok(self.pick(key, value, vars)?.unwrap_or_else(|| self.by_default(key, default)))
    }

    /// The environment's name, and who says it.
    fn environment(&mut self, value: Option<&Text>, guards: &Guards) -> Result<(String, Origin)> {
        let key = "project.environment";
        let expanded =
            value.map(|v| self.expand(key, v.span().start, v.as_ref())).transpose()?.filter(|(text, _)| !text.is_empty());
        let from_variable = value.is_some_and(|v| self.env.expand(v.as_ref()).is_ok_and(|e| !e.from.is_empty()));
        let said = match &expanded {
            None => Said::Nothing,
            Some((text, _)) if value.is_some_and(|v| !v.as_ref().contains("${")) => Said::Literal(text.clone()),
            Some((text, _)) if from_variable => Said::Variable(text.clone()),
            Some((text, _)) => Said::Fallback(text.clone()),
        };
        let (word, origin) = environment::choose(&said, self.env, &|name| guards.protects(name))?;
        let shown = match (origin, expanded) {
            (Origin::Variable(name), _) => format!("${name}"),
            (Origin::File, Some((_, origin))) => origin,
            _ => "default".into(),
        };
        self.note(key, &word, shown);
        Ok((word, origin))
    }

    fn by_default(&mut self, key: &str, default: &str) -> String {
        self.note(key, default, "default");
        default.to_owned()
    }

    fn pick(&mut self, key: &str, value: Option<&Text>, vars: &[&str]) -> Result<Option<String>> {
        if let Some((var, found)) = self.env.first(vars)? {
            let found = found.to_owned();
            self.note(key, &found, format!("${var}"));
            return Ok(Some(found));
        }
        self.in_file(key, value)
    }

    fn in_file(&mut self, key: &str, value: Option<&Text>) -> Result<Option<String>> {
        let Some(value) = value else { return Ok(None) };
        let (text, origin) = self.expand(key, value.span().start, value.as_ref())?;
        self.note(key, &text, origin);
        Ok(Some(text).filter(|t| !t.is_empty()))
    }

    /// File over environment: for what says *which* database. A variable left over from another project must not redirect a restore.
    fn identity(&mut self, key: &str, value: Option<&Text>, vars: &[&str]) -> Result<Option<String>> {
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

    fn number(&mut self, key: &str, value: Option<&Spanned<Scalar>>, vars: &[&str]) -> Result<Option<u32>> {
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

    fn container(&mut self, key: &str, table: &ContainerTable) -> Result<Container> {
        let at = |name: &str| format!("containers.{key}.{name}");
        let engine = self.in_file(&at("engine"), table.engine.as_ref())?;
        let by = match (&table.docker, &table.compose) {
            (Some(name), None) => ContainerBy::Name(self.in_file(&at("docker"), Some(name))?.unwrap_or_default()),
            (None, Some(compose)) => {
                let service = self.in_file(&at("compose.service"), Some(&compose.service))?.unwrap_or_default();
                let file = self.in_file(&at("compose.file"), compose.file.as_ref())?;
                let folder = file.map_or(self.root.to_path_buf(), |f| {
                    self.path(&f).parent().map_or(self.root.to_path_buf(), Path::to_path_buf)
                });
                let (project, left_over) = self.compose_project(&at("compose.project"), compose.project.as_ref())?;
                let index = self.number(&at("compose.index"), compose.index.as_ref(), &[])?;
                ContainerBy::Compose(Service { service, folder, project, left_over, index })
            }
            _ => {
                return Err(Problem::usage(format!("`containers.{key}` must say one of `docker` and `compose`"))
                    .cure(format!(
                        "write `[containers.{key}]` with `docker = \"container-name\"` or `compose = {{ service = \"db\" }}`"
                    ))
                    .into());
            }
        };
        let stop_during = self.list(&at("stop-during"), &table.stop_during)?;
        let known = |task: &str| matches!(task, "restore" | "undo" | "reset" | "wipe");
        if let Some((task, text)) = stop_during.iter().zip(&table.stop_during).find(|(task, _)| !known(task)) {
            return Err(self
                .wrong(text.span().start, format!("`{task}` is no task that stops containers"))
                .cure("use any of `restore`, `undo`, `reset`, `wipe`")
                .into());
        }
        let ready_within = self.number(&at("ready-within"), table.ready_within.as_ref(), &[])?.unwrap_or(60).into();
        Ok(Container { key: key.into(), by, engine, stop_during, ready_within })
    }

    /// The compose project that is said by the file, or by `.env` beside it; and apart from it what the shell says, which may be
    /// another folder's.
    fn compose_project(&mut self, key: &str, said: Option<&Text>) -> Result<(Option<String>, Option<String>)> {
        if let Some(project) = self.in_file(key, said)? {
            return Ok((Some(project), None));
        }
        let left_over = self.env.given(COMPOSE_PROJECT).map(String::from);
        let project = self.pick(key, None, &[COMPOSE_PROJECT])?;
        Ok(if left_over.is_some() { (None, left_over) } else { (project, None) })
    }

    fn database(&mut self, key: &str, table: &DatabaseTable, file: &File, from_env: bool) -> Result<Database> {
        let at = |name: &str| format!("databases.{key}.{name}");
        let place = self.at(key, table, file)?;
        let programs = self.pick(&at("programs"), table.programs.as_ref(), &["DB_TASKS_PG_BIN"])?.map(|p| self.path(&p));
        // a cluster of the project's own is reached by its socket alone: variables speak of other servers
        let from_env = from_env && !matches!(place, At::Cluster { .. });
        let connection = self.connection(key, &table.postgres, from_env)?;
        let led = connection.options.iter().find(|(name, _)| WHERE.contains(&name.as_str()));
        if let (At::Container(container), Some((variable, _))) = (&place, led) {
            return Err(Problem::usage(format!(
                "`databases.{key}` is in the container `{container}`, and its URL leads elsewhere"
            ))
            .because(format!("it has what {variable} stands for"))
            .cure("leave one of them out: `container`, or that parameter of the URL")
            .into());
        }
        if place == At::Host && led.is_some() && connection.database.is_none() {
            return Err(Problem::usage(format!("`databases.{key}` does not say which database"))
                .because("its URL leaves that to the service")
                .cure("put the database's name into the URL: `postgresql:///NAME?service=…`")
                .into());
        }
        let service = from_env && led.is_none() && self.env.needed("PGSERVICE")?.is_some();
        if place == At::Host && connection.host.is_none() && service {
            return Err(Problem::usage(format!(
                "`databases.{key}` is reached by a service (PGSERVICE), which may be on any host"
            ))
            .because("the guards must know the host before anything is destroyed there")
            .cure(format!(
                "say where it is: `postgres = {{ host = \"…\", database = \"…\" }}` in `[databases.{key}]`, or unset PGSERVICE"
            ))
            .into());
        }
        let hooks = self.hooks(&at("hooks"), &table.hooks, file)?;
        Ok(Database { key: key.into(), at: place, programs, connection, hooks })
    }

    fn at(&mut self, key: &str, table: &DatabaseTable, file: &File) -> Result<At> {
        let at = |name: &str| format!("databases.{key}.{name}");
        let container = self.in_file(&at("container"), table.container.as_ref())?;
        let cluster = self.in_file(&at("cluster"), table.cluster.as_ref())?;
        let init = self.in_file(&at("init"), table.init.as_ref())?;
        match (container, cluster) {
            (Some(_), Some(_)) => Err(Problem::usage(format!("`databases.{key}` says both `container` and `cluster`"))
                .cure("keep the one where the server runs")
                .into()),
            (Some(container), None) if file.containers.contains_key(container.as_str()) => Ok(At::Container(container)),
            (Some(container), None) => {
                let offset = table.container.as_ref().map_or(0, |c| c.span().start);
                let known: Vec<_> = file.containers.keys().map(|k| format!("`{}`", k.as_ref())).collect();
                Err(self
                    .wrong(offset, format!("there is no `[containers.{container}]`"))
                    .cure(if known.is_empty() {
                        format!("add `[containers.{container}]` with `docker = \"container-name\"`")
                    } else {
                        format!("known are {}", known.join(", "))
                    })
                    .into())
            }
            (None, Some(cluster)) => Ok(At::Cluster { folder: self.path(&cluster), init: init.map(|i| self.path(&i)) }),
            (None, None) => Ok(At::Host),
        }
    }

    fn connection(&mut self, key: &str, table: &PostgresTable, from_env: bool) -> Result<Connection> {
        let at = |name: &str| format!("databases.{key}.postgres.{name}");
        let vars = |names: &'static [&'static str]| if from_env { names } else { &[] };
        let said_apart = table.host.is_some() || table.database.is_some() || table.user.is_some();
        let mut base = match &table.url {
            Some(text) => {
                let (uri, origin) = self.expand(&at("url"), text.span().start, text.as_ref())?;
                self.url(&at("url"), &uri, origin)?
            }
            None if from_env && !said_apart => match self.env.needed("DATABASE_URL")?.map(str::to_owned) {
                Some(uri) => self.url(&at("url"), &uri, "$DATABASE_URL".into())?,
                None => Connection::default(),
            },
            None => Connection::default(),
        };
        let port = table.port.as_ref().map(|p| Spanned::new(p.span(), p.as_ref().0.clone()));
        let has_url = base.database.is_some() || base.host.is_some();
        let vars = |names: &'static [&'static str]| if has_url { &[] } else { vars(names) };
        base.host = self.identity(&at("host"), table.host.as_ref(), vars(&["PGHOST", "POSTGRES_HOST"]))?.or(base.host);
        base.port_inside = table.port.as_ref().map(|p| p.as_ref().0.clone()).filter(|p| p.parse::<u16>().is_ok());
        base.port = self.identity(&at("port"), port.as_ref(), vars(&["PGPORT", "POSTGRES_PORT"]))?.or(base.port);
        base.database =
            self.identity(&at("database"), table.database.as_ref(), vars(&["PGDATABASE", "POSTGRES_DB"]))?.or(base.database);
        base.user = self.identity(&at("user"), table.user.as_ref(), vars(&["PGUSER", "POSTGRES_USER"]))?.or(base.user);
        base.password = self
            .password(&at("password"), table.password_env.as_ref(), vars(&["PGPASSWORD", "POSTGRES_PASSWORD"]))?
            .or(base.password);
        base.maintenance = self.layered(&at("maintenance-database"), table.maintenance_database.as_ref(), &[], "postgres")?;
        Ok(base)
    }

    fn password(&mut self, key: &str, named: Option<&Text>, vars: &[&str]) -> Result<Option<super::SecretName>> {
        let found = match named {
            Some(text) => {
                let (var, _) = self.expand(key, text.span().start, text.as_ref())?;
                let value = self.env.needed(&var)?.ok_or_else(|| {
                    self.wrong(text.span().start, format!("`{key}-env` names the variable `{var}`, which is not set"))
                        .cure(format!("set `{var}` in the environment or in `.env`"))
                })?;
                Some((var.clone(), value.to_owned()))
            }
            None => self.env.first(vars)?.map(|(var, value)| (var.to_owned(), value.to_owned())),
        };
        Ok(found.map(|(var, value)| {
            self.note(key, "(secret)", format!("${var}"));
            self.secrets.keep(format!("${var}"), value)
        }))
    }

    fn url(&mut self, key: &str, uri: &str, origin: String) -> Result<Connection> {
        let url = url::parse(uri).map_err(|why| {
            Problem::usage(format!("`{key}` ({origin}) is no PostgreSQL connection URI"))
                .because(why)
                .cure("write it as `postgresql://user:password@host:5432/database`")
        })?;
        let text = |o: &Option<String>| o.clone().unwrap_or_default();
        let password = if url.password.is_some() { ":***" } else { "" };
        let port = url.port.as_ref().map_or(String::new(), |p| format!(":{p}"));
        let who = if url.user.is_some() || url.password.is_some() { "@" } else { "" };
        let shown = format!("postgresql://{}{password}{who}{}{port}/{}", text(&url.user), text(&url.host), text(&url.database));
        let led = url.options.iter().filter(|(name, _)| WHERE.contains(&name.as_str()));
        let shown = led.fold(shown, |shown, (name, value)| format!("{shown} {name}={value}"));
        self.note(key, &shown, origin.clone());
        if !url.ignored.is_empty() {
            self.note(&format!("{key} (ignored)"), &url.ignored.join(", "), "not libpq's: for other programs");
        }
        if let Some(spelling) = url.spelled_password {
            self.secrets.also_hide(spelling);
        }
        let password = url.password.map(|value| self.secrets.keep(format!("the password in {origin}"), value));
        let whole = self.secrets.keep(format!("{origin}, as it is"), uri.to_owned());
        Ok(Connection {
            host: url.host,
            port: url.port,
            user: url.user,
            database: url.database,
            password,
            options: url.options,
            uri: Some(whole),
            ..Connection::default()
        })
    }

    fn strategy(&mut self, file: &File) -> Result<Strategy> {
        let said = self.layered("reset.strategy", file.reset.strategy.as_ref(), &[], "in-place")?;
        match said.as_str() {
            "in-place" => Ok(Strategy::InPlace),
            "staged" => Ok(Strategy::Staged),
            other => Err(Problem::usage(format!("`reset.strategy` is `{other}`")).cure("use `in-place` or `staged`").into()),
        }
    }

    fn hooks(&mut self, at: &str, table: &HooksTable, file: &File) -> Result<Vec<Hook>> {
        table.iter().map(|(moment, hook)| self.hook(at, moment, hook, file)).collect()
    }

    fn hook(&mut self, at: &str, moment: &Text, table: &HookTable, file: &File) -> Result<Hook> {
        let (offset, moment) = (moment.span().start, moment.as_ref().clone());
        let key = format!("{at}.{moment}");
        if !hooks::moments().contains(&moment) {
            let cure = hooks::nearest(&moment).map_or_else(
                || "use `migrate`, `seed`, or `before-`, `after-`, `failed-`, `finally-` with a task: `before-reset`".into(),
                |word| format!("did you mean `{word}`?"),
            );
            return Err(self.wrong(offset, format!("`{moment}` is no moment that a hook can be for")).cure(cure).into());
        }
        if let Some(container) = table.container.as_ref().filter(|key| !file.containers.contains_key(key.as_str())) {
            return Err(self
                .wrong(offset, format!("`{key}` names the container `{container}`, which is not in `[containers]`"))
                .into());
        }
        let timeout = table
            .timeout
            .as_ref()
            .map_or(Ok(hooks::TIMEOUT), |t| t.0.parse())
            .map_err(|_| self.wrong(offset, format!("the timeout of `{key}` is no number of seconds")))?;
        let run = match &table.run {
            // `sh` has its own ways with `${…}`, and what it puts in is in no plan
            Words::Shell(line) if !line.trim().is_empty() => Run::Shell(line.clone()),
            Words::Argv(words) if !words.is_empty() => {
                let expanded = words.iter().map(|word| Ok(self.expand(&key, offset, word)?.0));
                Run::Argv(expanded.collect::<Result<_>>()?)
            }
            _ => return Err(self.wrong(offset, format!("`{key}` says nothing to run")).into()),
        };
        let url = table.url.as_ref().map(|url| Ok::<_, anyhow::Error>(self.expand(&key, offset, url)?.0)).transpose()?;
        let origin = self.expand(&key, offset, "")?.1;
        self.note(&key, &run.to_string(), origin);
        Ok(Hook { moment, run, container: table.container.clone(), timeout, url })
    }

    fn backup(&mut self, file: &File) -> Result<Backup> {
        let b = &file.backup;
        let dir = self.layered("backup.dir", b.dir.as_ref(), &["BACKUP_DIR", "SQL_DUMP_DIR"], "backups")?;
        let name = self.layered("backup.name", b.name.as_ref(), &[], if file.stores.is_empty() { FLAT } else { SET })?;
        if !file.stores.is_empty() && !name.contains('/') {
            return Err(Problem::usage(format!("`backup.name` is `{name}`, and there are stores"))
                .because(
                    "databases and stores are one backup, which needs a folder: it gets its name when all of it has proved good",
                )
                .cure(format!("write `name = \"{SET}\"`, or leave it out"))
                .into());
        }
        let timestamp = self.layered("backup.timestamp", b.timestamp.as_ref(), &[], "%Y%m%d_%H%M%S")?;
        let compress = self.layered("backup.compress", b.compress.as_ref(), &[], "zstd")?;
        let level = self.number("backup.level", b.level.as_ref(), &[])?.map(u32::cast_signed);
        let days = self.number("backup.keep-days", b.keep_days.as_ref(), &["BACKUP_RETENTION_DAYS", "BACKUP_KEEP_DAYS"])?;
        let min = self.number("backup.min-keep", b.min_keep.as_ref(), &["BACKUP_MIN_KEEP"])?;
        let min = min.unwrap_or_else(|| {
            self.by_default("backup.min-keep", "5");
            5
        });
        let daily = self.number("backup.keep-daily", b.keep_daily.as_ref(), &[])?.unwrap_or(0);
        let weekly = self.number("backup.keep-weekly", b.keep_weekly.as_ref(), &[])?.unwrap_or(0);
        let monthly = self.number("backup.keep-monthly", b.keep_monthly.as_ref(), &[])?.unwrap_or(0);
        let interval_hours = self.number("backup.interval-hours", b.interval_hours.as_ref(), &["BACKUP_INTERVAL_HOURS"])?;
        let interval_hours = interval_hours.unwrap_or_else(|| {
            self.by_default("backup.interval-hours", "24");
            24
        });
        let keep = KeepRules { days, min, daily, weekly, monthly };
        let backup = Backup { dir: self.path(&dir), name, timestamp, compress, level, keep, interval_hours };
        Ok(backup)
    }
}
