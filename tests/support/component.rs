//! What the tests need of the machine, and what is said when it is missing.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Says loudly that a component is missing, and in the file named by `DB_TASKS_SKIPS`, so that CI
/// can fail on it.
pub fn missing(name: &str, why: &str) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    let line = format!("SKIPPED {test}: no {name}: {}\n", why.trim().replace('\n', "; "));
    // not eprint!, which the test harness captures
    let _ = std::io::stderr().write_all(line.as_bytes());

    if let Some(file) = std::env::var_os("DB_TASKS_SKIPS").filter(|file| !file.is_empty()) {
        let mut file =
            OpenOptions::new().create(true).append(true).open(file).expect("open $DB_TASKS_SKIPS");
        file.write_all(line.as_bytes()).expect("write $DB_TASKS_SKIPS");
    }
}

/// `need!("docker", docker::engine())`: the value, or the end of this test with [`missing`].
macro_rules! need {
    ($name:expr, $found:expr) => {
        match $found {
            Ok(value) => value,
            Err(why) => return $crate::support::component::missing($name, &why.to_string()),
        }
    };
}
pub(crate) use need;

/// A script of `tests/components`.
pub fn script(name: &str) -> PathBuf {
    here().join("components").join(name)
}

/// The folder of the tests: the package may lie in it, beside it or above it.
fn here() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [package.join("tests"), package.join("../tests")];
    places
        .into_iter()
        .find(|place| place.join("components").is_dir())
        .expect("the folder tests/components")
}

/// What a command prints, trimmed; or the last lines of its complaint.
pub fn output(command: &mut Command) -> Result<String, String> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{:?}: {e}", command.get_program()))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).trim_end().to_owned());
    }

    let said = String::from_utf8_lossy(&out.stderr);
    let lines: Vec<&str> = said.lines().collect();

    Err(format!("{} ({})", lines[lines.len().saturating_sub(5)..].join("\n"), out.status))
}

/// The bin folder of another PostgreSQL: `16`, `17`, `18` or `16.2` (its psql does not know
/// `\restrict`).
pub fn postgres(version: &str) -> Result<PathBuf, String> {
    output(Command::new(script("pg.sh")).arg(version)).map(PathBuf::from)
}

/// The bin folder of a copy of a PostgreSQL with extensions: `own`, the small ones of the tests, or
/// `debian`, PostGIS and others, too.
pub fn with_extensions(bin: &Path, which: &str) -> Result<PathBuf, String> {
    output(Command::new(script("extensions.sh")).arg(bin).arg(which)).map(PathBuf::from)
}

/// A name no other test process has: short, and fit for databases, containers and compose projects.
pub fn unique(prefix: &str) -> String {
    // not the process id: machines of a CI may share an engine but not their processes' ids
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{:08x}_{count:03}", *PROCESS as u32)
}

/// A word quoted for sh.
pub fn quoted(word: impl AsRef<OsStr>) -> String {
    format!("'{}'", word.as_ref().to_string_lossy().replace('\'', r"'\''"))
}
