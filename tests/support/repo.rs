//! A repo with a `db-tasks.toml`, in a home of its own: with stand-ins in `bench`, with real servers
//! in `real`, `walks` and `scripts`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The tool.
pub const TOOL: &str = env!("CARGO_BIN_EXE_db-tasks");

/// A project's folder and its environment; gone when dropped.
pub struct Repo {
    /// Holds the home, and the project's folder if that is not elsewhere.
    root: TempDir,
    /// The project's folder.
    pub dir: PathBuf,
    env: BTreeMap<String, String>,
}

impl Repo {
    /// In a folder of this name.
    pub fn named(name: &str, toml: &str) -> Self {
        let root = tempfile::Builder::new().prefix("db-tasks-").tempdir().unwrap();
        let dir = root.path().join(name);
        fs::create_dir(&dir).unwrap();
        Self::at(root, dir, toml)
    }

    /// In a folder that something else needs, too.
    pub fn in_folder(dir: &Path, toml: &str) -> Self {
        Self::at(tempfile::tempdir().unwrap(), dir.to_owned(), toml)
    }

    fn at(root: TempDir, dir: PathBuf, toml: &str) -> Self {
        fs::create_dir(root.path().join("home")).unwrap();
        let repo = Self { root, dir, env: BTreeMap::new() };
        repo.write("db-tasks.toml", toml);
        repo
    }

    /// What goes with it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// From now on the tool has this variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.into(), value.into());
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A program, in an environment that holds nothing of whoever runs the tests.
    pub fn command(&self, program: &str, path: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", path).env("HOME", self.home()).envs(&self.env);
        command.current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}
