//! What a machine has to start programs with: cron, systemd, or what its system brings.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cmd::Cmd;
use crate::config::{Env, Secrets};
use crate::door::ask::ask;
use crate::problem::{Code, Problem};
use crate::run::state;

/// What a machine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Rust's word for the system: `linux`, `macos`, `windows`, ….
    pub system: String,
    /// Our user id.
    pub user: u32,
    /// Our home folder.
    pub home: PathBuf,
    /// The folder of our settings (XDG_CONFIG_HOME), if it is not `.config` in our home.
    pub settings: Option<PathBuf>,
    /// Our crontab, if there is the program; it may be empty.
    pub crontab: Option<String>,
    /// Whether systemd runs the machine.
    pub systemd: bool,
    /// Whether our own timers go on after we have logged out.
    pub lingers: bool,
}

/// Looks at this machine.
///
/// # Errors
/// There is a crontab that can't be read.
pub fn look(env: &Env) -> Result<Machine> {
    let given = |name| env.given(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // sd_booted(3)
    let systemd = Path::new("/run/systemd/system").is_dir();
    let name = given("USER").or_else(|| given("LOGNAME")).unwrap_or_default();

    Ok(Machine {
        system: std::env::consts::OS.into(),
        user: state::user(),
        home: given("HOME").unwrap_or_default(),
        settings: given("XDG_CONFIG_HOME"),
        crontab: crontab(env)?,
        systemd,
        lingers: Path::new("/var/lib/systemd/linger").join(name).is_file(),
    })
}

/// The crontab of the user, if this machine has the program. Nobody's is an empty one.
fn crontab(env: &Env) -> Result<Option<String>> {
    // not one that an untrusted repository brings
    let path = std::env::join_paths(env.search_path()).ok();
    let Ok(program) = which::which_in("crontab", path, "/") else { return Ok(None) };

    // or the words that say that there is none would be in another language
    let cmd = Cmd::new(program.to_string_lossy()).arg("-l").env("LC_ALL", "C");
    let answer = ask(&cmd, &Secrets::default())?;
    if answer.good {
        return Ok(Some(answer.out));
    }
    // POSIX says only that it fails; each cron says it in these words
    if answer.err.to_lowercase().contains("no crontab") {
        return Ok(Some(String::new()));
    }

    Err(Problem::failed("could not read your crontab")
        .code(Code::ProgramFailed)
        .because(answer.err)
        .because("nothing was changed: lines of yours might be lost")
        .cure("find out why with `crontab -l`, or choose another: `--with systemd`")
        .into())
}
