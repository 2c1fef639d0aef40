//! The documents of projects that had scripts of their own, walked from top to bottom with the
//! examples that replace them.

mod big_skies;
mod pantry;
#[cfg(feature = "milvus")]
mod rag_modulo;
mod rephlo;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::real::Said;
use crate::support::component::{output, quoted};
use crate::support::server::fed_output;

/// A copy of an example, with the scripts that its README says to copy.
struct Repo {
    home: tempfile::TempDir,
    dir: PathBuf,
    env: Vec<(String, String)>,
}

impl Repo {
    fn of(example: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (dir, top) =
            (home.path().join(example), Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        output(Command::new("cp").arg("-r").arg(top.join("examples").join(example)).arg(&dir))
            .unwrap();
        fs::create_dir_all(dir.join("scripts")).unwrap();

        for script in ["db", "db-tasks.mk"] {
            fs::copy(top.join("scripts").join(script), dir.join("scripts").join(script)).unwrap();
        }

        fs::create_dir(home.path().join("bin")).unwrap();

        Self { home, dir, env: Vec::new() }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A program of ours, before all others on PATH.
    fn program(&self, name: &str, script: &str) {
        let path = self.home.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A line of the document, as a shell runs it.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let mut path = OsString::from(self.home.path().join("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());

        command
            .args(["-c", line])
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home.path());

        command
            .env("DB_TASKS", env!("CARGO_BIN_EXE_db-tasks"))
            .env("npm_config_update_notifier", "false");
        command
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());

        command
    }

    fn run(&self, line: &str) -> Said {
        Said::of(self.command(line).output().unwrap())
    }

    #[track_caller]
    fn ok(&self, line: &str) -> Said {
        self.run(line).ends_with(0, "")
    }

    #[track_caller]
    fn fails(&self, line: &str, code: i32, says: &str) -> Said {
        self.run(line).ends_with(code, says)
    }

    /// The same at a terminal, where a person types.
    fn typed(&self, line: &str, keys: &str) -> Said {
        let mut command = self.command(&format!("exec script -qec {} /dev/null", quoted(line)));
        command.env("TERM", "dumb");
        Said::of(fed_output(&mut command, keys).unwrap())
    }

    /// What is in a folder of the repo, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A name with its digits as 0.
fn shape(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}
