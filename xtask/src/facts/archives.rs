//! Archives of pg_dump: pg_restore turns them into scripts, reads them to the end and fails on
//! damaged ones.

use std::path::Path;

use anyhow::Result;

use crate::cmd::Cmd;
use crate::config::{Env, Project, Secrets};
use crate::door::ask::{Answer, ask, ask_fed};
use crate::engine::postgres::client::archive;
use crate::facts::programs::{self, Programs};
use crate::place::Place;
use crate::plan::Source;
use crate::problem::{Code, Problem};
use crate::stream::{Coding, artifact};

/// Where an archive is.
#[derive(Clone)]
pub enum Archive<'a> {
    /// A file or a folder.
    At(&'a Path),
    /// In a compressed or encrypted file.
    Within(&'a Path, Coding),
}

impl Archive<'_> {
    /// How to get its script, and the version of the server it came from. A pg_restore older than
    /// the pg_dump can't read it.
    ///
    /// # Errors
    /// No pg_restore can read it.
    pub fn read(self, project: &Project, env: &Env) -> Result<(Source, Option<String>)> {
        let configured = project.databases.iter().find_map(|d| d.programs.as_deref());
        let found = programs::find(configured, "pg_restore", env);
        let mut refused = None;

        for folder in &found {
            let list = self.list(folder)?;
            if list.good {
                return Ok((self.script(folder), archive::server_version(&list.out)));
            }

            refused.get_or_insert(list.err);
        }

        match (refused, found.first()) {
            (Some(why), _) if archive::is_too_new(&why) => Err(Problem::failed(format!(
                "`{}` was written by a newer pg_dump than the `pg_restore` on this machine",
                self.path().display()
            ))
            .code(Code::BackupUnfit)
            .because(why)
            .cure(
                "install a PostgreSQL client of its version and name its folder in `programs`, or \
                 dump with `--format=plain`",
            )
            .into()),
            // reading it to the end says what is wrong with it
            (_, Some(folder)) => Ok((self.script(folder), None)),
            (_, None) => Err(Problem::failed(format!(
                "`{}` is a pg_dump archive, and there is no `pg_restore` on this machine to read \
                 it",
                self.path().display()
            ))
            .code(Code::ProgramMissing)
            .cure("install the PostgreSQL client, or dump with `--format=plain`")
            .into()),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::At(path) | Self::Within(path, _) => path,
        }
    }

    fn script(&self, folder: &Programs) -> Source {
        let cmd = here(folder, archive::script(self.alone()));
        match self {
            Self::At(_) => Source::Command(cmd),
            Self::Within(path, coding) => {
                Source::Filtered { path: path.to_path_buf(), coding: coding.clone(), through: cmd }
            }
        }
    }

    fn list(&self, folder: &Programs) -> Result<Answer> {
        let cmd = here(folder, archive::list(self.alone()));
        match self {
            Self::At(_) => ask(&cmd, &Secrets::default()),
            Self::Within(path, coding) => {
                let decoder = artifact::look_into(path, coding)?;
                ask_fed(&cmd, decoder, &Secrets::default())
            }
        }
    }

    /// Its path, if pg_restore can open it itself.
    fn alone(&self) -> Option<&Path> {
        match self {
            Self::At(path) => Some(path),
            Self::Within(..) => None,
        }
    }
}

fn here(folder: &Programs, cmd: Cmd) -> Cmd {
    Place::Host { programs: Some(folder.folder.clone()) }.wrap(cmd)
}
