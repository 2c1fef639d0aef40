//! The ways in that people copy: `scripts/`, and the lines of docs/callers for make, npm, CI and
//! cron. Each is run as they run it.

mod cargo;
mod make;
mod powershell;
mod readme;
mod shell;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::real::Said;
use crate::support::component::{output, script};

/// The tool.
const TOOL: &str = env!("CARGO_BIN_EXE_db-tasks");

/// Words that a careless script would split, expand or run.
const NASTY: [&str; 6] = [
    "a b;touch gone",
    "$(touch gone) `touch gone` ${HOME}",
    "it's \"so\" \\ *",
    "$(shell touch gone) $x $$",
    "",
    "x\ny",
];

/// A repo that has copied the scripts, in a folder whose name has a space, and a stand-in for
/// `db-tasks` on PATH.
struct Repo {
    temp: tempfile::TempDir,
    /// Its top folder.
    root: PathBuf,
    /// A folder deep in it.
    deep: PathBuf,
}

impl Repo {
    fn new() -> Self {
        // the tool itself, by links: a file that was just written may be busy when it is run
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let temp = tempfile::Builder::new().prefix("db-tasks-scripts").tempdir().unwrap();
        let root = temp.path().join("my repo");
        let deep = root.join("a/b");

        fs::create_dir_all(&deep).unwrap();

        for folder in ["bin", "seen", "home"] {
            fs::create_dir(temp.path().join(folder)).unwrap();
        }

        symlink(here.join("scripts"), root.join("scripts")).unwrap();
        let repo = Self { temp, root, deep };
        for name in ["db-tasks", "mail"] {
            repo.program(name, &here.join("tests/scripts/db-tasks"));
        }

        repo
    }

    /// One whose `db-tasks` is the tool.
    fn with_tool() -> Self {
        let repo = Self::new();
        fs::remove_file(repo.temp.path().join("bin/db-tasks")).unwrap();
        repo.program("db-tasks", Path::new(TOOL));
        repo
    }

    /// Puts a program on PATH, and says where.
    fn program(&self, name: &str, program: &Path) -> PathBuf {
        let path = self.temp.path().join("bin").join(name);
        symlink(program, &path).unwrap();
        path
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A command in the top folder, with nothing of this process's environment but PATH, and no
    /// other `db-tasks` on that.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let others = std::env::split_paths(&path).filter(|dir| !dir.join("db-tasks").exists());
        let path =
            std::env::join_paths([self.temp.path().join("bin")].into_iter().chain(others)).unwrap();
        let mut command = Command::new(program);

        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.temp.path().join("home"))
            .env("SEEN", self.temp.path().join("seen"));

        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The words that the stand-in of this name was given; it forgets them.
    #[track_caller]
    fn seen(&self, name: &str) -> Vec<String> {
        let path = self.temp.path().join("seen").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} was not run"));
        fs::remove_file(path).unwrap();
        let mut words: Vec<String> = text.split('\0').map(String::from).collect();
        words.pop();
        words
    }

    /// Something else the stand-in wrote down: `pid` or `env`.
    fn noted(&self, what: &str) -> String {
        fs::read_to_string(self.temp.path().join("seen").join(format!("db-tasks.{what}")))
            .unwrap_or_default()
    }

    /// No stand-in was run, and no word of [`NASTY`] was.
    #[track_caller]
    fn nothing_ran(&self) {
        assert!(!self.temp.path().join("seen/db-tasks").exists(), "db-tasks was run");
        self.nothing_is_gone();
    }

    #[track_caller]
    fn nothing_is_gone(&self) {
        assert!(
            !self.root.join("gone").exists() && !self.deep.join("gone").exists(),
            "a word was run"
        );
    }
}

/// Runs it, and expects this exit code and these words among what is said.
#[track_caller]
fn ends(command: &mut Command, code: i32, says: &str) -> Said {
    Said::of(command.output().unwrap()).ends_with(code, says)
}

/// A program from PATH or the system's packages.
pub fn program(name: &str) -> Result<PathBuf, String> {
    output(Command::new(script("program.sh")).arg(name)).map(PathBuf::from)
}

/// The tasks that the tool has.
fn tasks() -> Vec<String> {
    let help = output(Command::new(TOOL).arg("--help")).unwrap();
    help.lines()
        .filter_map(|l| l.strip_prefix("  db-")?.split(' ').next())
        // the examples begin with the program, where no cargo runs the tests
        .filter(|name| *name != "tasks")
        .map(|name| format!("db-{name}"))
        .collect()
}

/// The tool knows this task and its options: with them all read, it shows its help.
#[track_caller]
fn understood(words: &[String]) {
    ends(Command::new(TOOL).args(words).arg("--help"), 0, "Usage:");
}
