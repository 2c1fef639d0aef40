//! `db-tasks.toml`: found by walking up, read with `.env`, resolved into a `Project`.

pub mod apart;
mod dotenv;
mod dump_arg;
pub mod encryption;
pub mod env;
pub mod environment;
mod file;
pub mod hooks;
mod keep;
pub mod notices;
mod plain;
mod project;
mod ratchet;
mod resolve;
mod schedule;
pub mod search;
mod secret;
pub mod settings;
mod table_name;
pub mod url;

use std::path::{Path, PathBuf};

use anyhow::Result;

pub use self::dump_arg::DumpArg;
pub use self::encryption::{Encryption, Keys, Lock};
pub use self::env::Env;
pub use self::hooks::Hook;
pub use self::keep::{KeepRules, Retention, Special, age, size};
pub use self::notices::Notice;
pub use self::plain::{Form, KeyOrder, Latest, Mode, Plain};
pub use self::project::{
    At, Backup, Connection, Container, ContainerBy, Database, Entry, Guards, Lent, Others, Pin,
    Project, Rights, Service, Share, Store, StoreKind, Strategy, Wiping,
};
pub use self::ratchet::{Portion, Ratchet};
pub use self::schedule::{Rhythm, Schedule, Unit};
pub use self::secret::{HIDDEN, SecretName, Secrets, is_secret_name, password_in};
pub use self::table_name::TableName;
use crate::problem::{Code, Problem};

/// The name of the file.
pub const FILE: &str = "db-tasks.toml";

/// The nearest `db-tasks.toml` in `start` or a folder above it.
pub fn find(start: &Path) -> Result<PathBuf> {
    let found = start.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file());
    Ok(found.ok_or_else(|| {
        Problem::usage(format!(
            "there is no `{FILE}` in `{}` or any folder above it",
            start.display()
        ))
        .code(Code::Config)
        .cure(
            "create one with `[databases.main]`, and `postgres = { url = \"${DATABASE_URL}\" }` \
             below it; paths in it are relative to its folder",
        )
    })?)
}

/// Whether `.env` next to the file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dotenv {
    /// Read it; the real environment wins.
    Read,
    /// `--no-dotenv`.
    Ignore,
}

/// Reads and resolves the file at `path`; returns the environment it was read with, too.
pub fn load(path: &Path, env: Env, dotenv: Dotenv) -> Result<(Project, Env)> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Problem::usage(format!("could not read `{}`", path.display()))
            .code(Code::Config)
            .because(e.to_string())
            .cure(
                "check the path, or leave out `--config`: the nearest `db-tasks.toml` is then used",
            )
    })?;

    let root = path.parent().unwrap_or(Path::new("."));
    let env = env.beside(root);
    let env = match dotenv {
        Dotenv::Read => env.with_dotenv(root)?,
        Dotenv::Ignore => env,
    };
    let file = file::parse(path, &text)?;

    if file.databases.is_empty() {
        return Err(Problem::usage(format!("`{}` names no database", path.display()))
            .code(Code::Config)
            .cure("add `[databases.main]`, and `postgres = { url = \"${DATABASE_URL}\" }` below it")
            .into());
    }

    let mut project = resolve::resolve(path, &text, &file, &env)?;
    // hooks get all of it, and may print any of it
    project.secrets.overhear(env.pairs());
    apart::check(&project, &project.backup.dir)?;

    Ok((project, env))
}
