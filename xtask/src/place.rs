//! Places: where a command runs. `wrap` is the one function that turns a command into the argv for
//! its place.

mod cures;

use std::path::PathBuf;

pub use self::cures::cure;
use crate::cmd::{Cmd, Value};

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine; if there is a folder, its programs come from there.
    Host {
        /// The folder of the programs.
        programs: Option<PathBuf>,
    },
    /// In a container.
    Container {
        /// `docker` or `podman`.
        engine: String,
        /// The container's name.
        name: String,
        /// Variables of the container's own environment that a program there must not see: `docker
        /// exec` passes them all on, and PGHOST would lead our client to another server. `-e` can't
        /// take one away, and libpq refuses some that are empty.
        cleared: Vec<String>,
    },
    /// On this machine, through another program that drops root's rights (postgres refuses to run
    /// as root).
    Unprivileged {
        /// The folder of the programs.
        programs: PathBuf,
        /// The program in front, with its arguments.
        through: Vec<String>,
    },
}

impl Place {
    /// A container, whose programs see its environment as it is.
    pub fn container(engine: impl Into<String>, name: impl Into<String>) -> Self {
        Self::Container { engine: engine.into(), name: name.into(), cleared: Vec::new() }
    }

    /// What people call it.
    pub fn name(&self) -> String {
        match self {
            Self::Host { .. } | Self::Unprivileged { .. } => "this machine".into(),
            Self::Container { name, .. } => format!("container `{name}`"),
        }
    }

    /// The command as it is run here.
    pub fn wrap(&self, cmd: Cmd) -> Cmd {
        match self {
            Self::Host { programs: None } => cmd,
            Self::Host { programs: Some(folder) } => {
                Cmd { program: folder.join(&cmd.program).to_string_lossy().into_owned(), ..cmd }
            }
            Self::Container { engine, name, cleared } => exec(engine, name, without(cleared, cmd)),
            Self::Unprivileged { programs, through } => {
                let program = programs.join(&cmd.program).to_string_lossy().into_owned();
                let mut words = through.iter().cloned().chain([program]).chain(cmd.args.clone());
                Cmd { program: words.next().unwrap_or_default(), args: words.collect(), ..cmd }
            }
        }
    }

    /// The command as it is run here under a mark, by which [`Place::end`] finds it: what `docker
    /// exec` began goes on without its client (docker/cli#5309). The mark is an argument of its
    /// own shell, because nothing else of a process can be read by another user there, and it
    /// may become one.
    pub fn wrap_marked(&self, cmd: Cmd, mark: &str) -> Cmd {
        let words = ["-c", MARKED, mark, &cmd.program]
            .map(String::from)
            .into_iter()
            .chain(cmd.args)
            .collect();
        self.wrap(Cmd { program: "sh".into(), args: words, ..cmd })
    }

    /// Terminates what runs here under a mark, with all that it started: SIGTERM first, SIGKILL
    /// after five seconds. It returns when nothing of it is left.
    pub fn end(&self, mark: &str) -> Cmd {
        self.wrap(Cmd::new("sh").args(["-c", include_str!("place/end.sh"), "sh", mark]))
    }

    /// The same with a terminal, for a person at a prompt and never for data.
    pub fn wrap_for_person(&self, cmd: Cmd) -> Cmd {
        self.wrap_lent(cmd, "-it")
    }

    /// The same with our own standard input.
    pub fn wrap_for_reader(&self, cmd: Cmd) -> Cmd {
        self.wrap_lent(cmd, "-i")
    }

    fn wrap_lent(&self, cmd: Cmd, flag: &str) -> Cmd {
        let mut wrapped = self.wrap(cmd);
        if let Self::Container { .. } = self {
            wrapped.args.insert(1, flag.into());
        }
        wrapped
    }
}

/// Runs its arguments, and stays until they have ended.
const MARKED: &str = r#""$@"; exit $?"#;

/// The command without these variables, except for those that it sets itself. `env -u` is GNU's,
/// busybox's and toybox's, and of every BSD.
fn without(cleared: &[String], cmd: Cmd) -> Cmd {
    let foreign = cleared.iter().filter(|name| cmd.env.iter().all(|(set, _)| set != *name));
    let flags: Vec<String> = foreign.flat_map(|name| ["-u".to_owned(), name.clone()]).collect();
    if flags.is_empty() {
        return cmd;
    }
    let words = flags.into_iter().chain([cmd.program]).chain(cmd.args).collect();
    Cmd { program: "env".into(), args: words, ..cmd }
}

/// `docker exec`: never a TTY (it turns LF into CRLF), `-i` only if there is input, and a secret's
/// variable only by name: the client passes its own value on, so that no argv holds it.
fn exec(engine: &str, container: &str, cmd: Cmd) -> Cmd {
    let mut out = Cmd::new(engine).arg("exec");
    if cmd.input.is_some() {
        out = out.arg("-i");
    }

    for (name, value) in cmd.env {
        out = match value {
            Value::Plain(text) => out.arg("-e").arg(format!("{name}={text}")),
            Value::Secret(secret) => out.arg("-e").arg(&name).secret(name, secret),
        };
    }

    out = out.arg(container).arg(cmd.program).args(cmd.args);
    Cmd { input: cmd.input, ..out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretName;

    fn psql() -> Cmd {
        Cmd::new("psql")
            .args(["-d", "app"])
            .env("PGAPPNAME", "a b")
            .secret("PGPASSWORD", SecretName("$PW".into()))
    }

    #[test]
    fn every_place_has_its_argv() {
        let container = Place::container("docker", "pg");
        let led = Place::Container {
            engine: "docker".into(),
            name: "pg".into(),
            cleared: ["PGHOST", "PGSERVICE", "PGAPPNAME", "PGPASSWORD"].map(String::from).into(),
        };

        let user = Place::Unprivileged {
            programs: "/pg/bin".into(),
            through: vec!["unshare".into(), "--user".into()],
        };

        for (place, cmd, want) in [
            (
                Place::Host { programs: None },
                psql(),
                "PGAPPNAME='a b' PGPASSWORD=<$PW> psql -d app",
            ),
            (Place::Host { programs: Some("/pg/bin".into()) }, Cmd::new("psql"), "/pg/bin/psql"),
            (
                container.clone(),
                psql(),
                "PGPASSWORD=<$PW> docker exec -e 'PGAPPNAME=a b' -e PGPASSWORD pg psql -d app",
            ),
            (container, Cmd::new("psql").input("SELECT 1"), "docker exec -i pg psql"),
            (
                led,
                psql(),
                "PGPASSWORD=<$PW> docker exec -e 'PGAPPNAME=a b' -e PGPASSWORD pg env -u PGHOST \
                 -u PGSERVICE psql -d app",
            ),
            (user, Cmd::new("initdb").arg("-D"), "unshare --user /pg/bin/initdb -D"),
        ] {
            assert_eq!(place.wrap(cmd).to_string(), want);
        }
    }

    /// By every shell that an image may have, among those of this machine.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_runs_under_a_mark_is_ended_with_all_that_it_has_started() {
        use std::process::{Command, Stdio};
        use std::time::{Duration, Instant};

        // not every machine has all of them, and each has one
        let shells = ["dash", "bash", "busybox"]
            .into_iter()
            .filter_map(|shell| Some((shell, which::which(shell).ok()?)));
        let shells: Vec<_> = shells.collect();
        assert!(!shells.is_empty());

        for (shell, program) in shells {
            let folder = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink(program, folder.path().join("sh")).unwrap();

            let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
            // like `docker exec`, in a session of its own
            let run = |cmd: &Cmd| {
                let mut command = Command::new("setsid");
                command
                    .arg(&cmd.program)
                    .args(&cmd.args)
                    .env("PATH", &path)
                    .stdin(Stdio::null())
                    .stderr(Stdio::piped());
                command
            };

            let (here, mark) = (
                Place::Host { programs: None },
                format!("db-tasks{}/migrate", folder.path().display()),
            );
            // one that ignores SIGTERM, one of its own, and one that has lost its parent
            let line = "(trap '' TERM; sleep 61 & echo $! >>$0; while :; do sleep 0.1; done) & \
                        echo $! >>$0; (sleep 62 & echo $! >>$0); wait";
            let file = folder.path().join("pids");
            let hook = Cmd::new("sh").args(["-c", line, file.to_str().unwrap()]);
            let mut child = run(&here.wrap_marked(hook, &mark)).spawn().unwrap();

            let mut stranger =
                run(&here
                    .wrap_marked(Cmd::new("sleep").arg("63"), &mark.replace("migrate", "seed")))
                .spawn()
                .unwrap();

            let pids = || {
                std::fs::read_to_string(&file)
                    .unwrap_or_default()
                    .lines()
                    .map(String::from)
                    .collect::<Vec<_>>()
            };

            let begun = Instant::now();
            while pids().len() < 3 {
                assert!(begun.elapsed() < Duration::from_secs(10));
                std::thread::sleep(Duration::from_millis(10));
            }

            let ended = run(&here.end(&mark)).output().unwrap();
            child.wait().unwrap();

            let alive = |pid: &String| {
                std::fs::read_to_string(format!("/proc/{pid}/stat"))
                    .is_ok_and(|s| !s.contains(") Z "))
            };
            assert_eq!(
                pids().into_iter().filter(alive).collect::<Vec<_>>(),
                Vec::<String>::new(),
                "{shell}"
            );

            assert!(ended.status.success(), "{shell}: {ended:?}");
            assert!(stranger.try_wait().unwrap().is_none(), "{shell} ended a stranger");

            // where nothing is left, nothing is to be done
            for mark in [mark.replace("migrate", "seed"), mark] {
                assert!(run(&here.end(&mark)).status().unwrap().success());
            }

            stranger.wait().unwrap();
        }
    }

    #[test]
    fn no_place_asks_for_a_terminal() {
        let cmd = Place::container("docker", "pg").wrap(psql().input(""));
        assert!(!cmd.args.iter().any(|a| a == "-t" || a == "-it" || a == "--tty"));
    }
}
