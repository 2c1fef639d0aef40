//! Places: where a command runs. `wrap` is the one function that turns a command into the argv for its place.

use std::path::PathBuf;

use crate::cmd::{Cmd, Value};

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine; with a folder, its programs come from there.
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
    },
    /// On this machine, through another program that drops root's rights (postgres refuses to run as root).
    Unprivileged {
        /// The folder of the programs.
        programs: PathBuf,
        /// The program in front, with its arguments.
        through: Vec<String>,
    },
}

impl Place {
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
            Self::Container { engine, name } => exec(engine, name, cmd),
            Self::Unprivileged { programs, through } => {
                let program = programs.join(&cmd.program).to_string_lossy().into_owned();
                let mut words = through.iter().cloned().chain([program]).chain(cmd.args.clone());
                Cmd { program: words.next().unwrap_or_default(), args: words.collect(), ..cmd }
            }
        }
    }

    /// The same with a terminal, for a person at a prompt and never for data.
    pub fn wrap_for_person(&self, cmd: Cmd) -> Cmd {
        self.wrap_lent(cmd, "-it")
    }

    /// The same with our own standard input, whatever it is.
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

/// `docker exec`: never a TTY (it turns LF into CRLF), `-i` only where something is fed, and a secret's variable by name alone:
/// the client passes its own value on, so that no argv holds it.
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
        Cmd::new("psql").args(["-d", "app"]).env("PGAPPNAME", "a b").secret("PGPASSWORD", SecretName("$PW".into()))
    }

    #[test]
    fn every_place_has_its_argv() {
        let container = Place::Container { engine: "docker".into(), name: "pg".into() };
        let user = Place::Unprivileged { programs: "/pg/bin".into(), through: vec!["unshare".into(), "--user".into()] };
        for (place, cmd, want) in [
            (Place::Host { programs: None }, psql(), "PGAPPNAME='a b' PGPASSWORD=<$PW> psql -d app"),
            (Place::Host { programs: Some("/pg/bin".into()) }, Cmd::new("psql"), "/pg/bin/psql"),
            (container.clone(), psql(), "PGPASSWORD=<$PW> docker exec -e 'PGAPPNAME=a b' -e PGPASSWORD pg psql -d app"),
            (container, Cmd::new("psql").input("SELECT 1"), "docker exec -i pg psql"),
            (user, Cmd::new("initdb").arg("-D"), "unshare --user /pg/bin/initdb -D"),
        ] {
            assert_eq!(place.wrap(cmd).to_string(), want);
        }
    }

    #[test]
    fn no_place_asks_for_a_terminal() {
        let cmd = Place::Container { engine: "docker".into(), name: "pg".into() }.wrap(psql().input(""));
        assert!(!cmd.args.iter().any(|a| a == "-t" || a == "-it" || a == "--tty"));
    }
}
