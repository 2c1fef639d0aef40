//! A throw-away cluster, for one trial: it need not survive a crash, and only the trial can reach
//! it.

use std::path::Path;

use super::{Cluster, USER, quoted};
use crate::cmd::Cmd;
use crate::engine::postgres::catalog::locks::Locks;

/// How its folder's name begins. With the run's name after it, no other program has it among its
/// arguments.
const NAMED: &str = "db-tasks-trial-";

/// The size of its lock table: an untrusted file is loaded in one transaction.
pub const LOCKS: Locks = Locks { each: 4096, backends: 20, objects: 0 };

/// The folder's name; a run may make several.
pub fn named(run: &str, number: usize) -> String {
    format!("{NAMED}{run}-{number:03}")
}

impl Cluster {
    /// Creates it, without a flush to disk. Databases in it set their own locale.
    pub fn initdb_for_trial(&self) -> Cmd {
        let cmd = Cmd::new("initdb").arg("-D").arg(self.folder.to_string_lossy());
        let cmd = cmd.args(["-U", USER, "-E", "UTF8", "--no-locale", "--no-sync"]);
        cmd.args(["--auth-local=trust", "--auth-host=reject"])
    }

    /// Starts it. Its folder is among the server's arguments, so that [`Cluster::end`] finds it.
    pub fn start_for_trial(&self) -> Cmd {
        let Locks { each, backends, .. } = LOCKS;
        let folder = quoted(&self.folder.to_string_lossy());
        let options = format!(
            "{} -D {folder} -c max_connections={backends} -c max_locks_per_transaction={each} -c \
             fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off -c \
             wal_level=logical",
            self.on_its_socket()
        );
        self.start_with(&options)
    }

    /// Terminates whatever still runs in its folder: the server, and what creates or starts it,
    /// which outlives a killed run. It may run twice or late, and then does nothing.
    pub fn end(&self) -> Cmd {
        let mark = self
            .folder
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        // by the environment: among the arguments it would match ourselves
        Cmd::new("sh").args(["-c", include_str!("end.sh")]).env("TRIAL_FOLDER", mark)
    }
}

/// Starts it through a shell that shows the end of its log if it does not start. Your own
/// environment, which may hold passwords, is not passed on: code in the server can read the
/// server's environment.
pub fn with_log(start: Cmd, log: &Path) -> Cmd {
    let kept: Vec<String> =
        start.env.iter().map(|(name, _)| format!("{name}=\"${name}\"")).collect();
    let shown = format!(
        r#"env -i PATH="$PATH" {} "$@" || {{ tail -n 12 "$SERVER_LOG" >&2; exit 1; }}"#,
        kept.join(" ")
    );
    let words = [&shown, "sh", &start.program].map(String::from).into_iter().chain(start.args);
    let args = std::iter::once("-c".to_owned()).chain(words).collect();

    Cmd { program: "sh".into(), args, ..start }.env("SERVER_LOG", log.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_commands_are_as_they_are() {
        let folder = format!("/p/{}", named("6b09", 0));
        let cluster = Cluster { folder: folder.clone().into(), socket_dir: folder.into() };
        assert_eq!(
            cluster.initdb_for_trial().to_string(),
            "initdb -D /p/db-tasks-trial-6b09-000 -U postgres -E UTF8 --no-locale --no-sync \
             --auth-local=trust --auth-host=reject"
        );

        let start = cluster.start_for_trial().to_string();
        assert!(
            start.contains("-c listen_addresses= ")
                && start.contains(" -D /p/db-tasks-trial-6b09-000 "),
            "{start}"
        );

        let end = cluster.end();
        assert!(
            end.args.iter().all(|arg| !arg.contains("6b09"))
                && end.to_string().contains("db-tasks-trial-6b09-000"),
            "{end}"
        );
    }

    #[test]
    #[cfg(unix)]
    fn nothing_of_the_persons_environment_comes_along() {
        let Cmd { program, args, .. } =
            with_log(Cmd::new("env").env("PGDATA", "/p/a b"), Path::new("/p/log"));
        let mut command = std::process::Command::new(program);
        let said =
            command.args(args).env("SHOP_PASSWORD", "pw").env("PGDATA", "/p/a b").output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();

        assert!(
            said.contains("PATH=")
                && said.contains("PGDATA=/p/a b\n")
                && !said.contains("SHOP_PASSWORD")
                && !said.contains("CARGO"),
            "{said}"
        );
    }

    /// A program that has the folder among its arguments ends, whether it listens or not; others go
    /// on.
    #[test]
    #[cfg(unix)]
    fn what_works_there_is_ended() {
        use std::process::Command;

        let run = format!("{:x}", std::process::id());
        let cluster = |number| Cluster {
            folder: format!("/p/{}", named(&run, number)).into(),
            socket_dir: "/p".into(),
        };

        let works = |number: usize, script: &str| {
            Command::new("sh")
                .args(["-c", script, "sh", &format!("/p/{}/x", named(&run, number))])
                .spawn()
                .unwrap()
        };

        let deaf = "trap '' TERM; while :; do sleep 0.1; done";
        let mut works = [works(0, "sleep 60; :"), works(0, deaf), works(1, "sleep 60; :")];

        let end = |cluster: &Cluster| {
            let Cmd { program, args, .. } = cluster.end();
            let mark = cluster.folder.file_name().unwrap();
            Command::new(program).args(args).env("TRIAL_FOLDER", mark).status().unwrap().code()
        };

        std::thread::sleep(std::time::Duration::from_millis(200));
        let (first, second) = (cluster(0), cluster(1));
        let ended = std::thread::spawn(move || end(&first));
        let [one, other, third] = &mut works;

        one.wait().unwrap();
        other.wait().unwrap();
        assert_eq!(ended.join().unwrap(), Some(0));
        assert!(third.try_wait().unwrap().is_none());

        let last = std::thread::spawn(move || end(&second));
        third.wait().unwrap();
        assert_eq!(last.join().unwrap(), Some(0));
        // nothing is there, and nothing is named
        assert_eq!(end(&cluster(2)), Some(0));

        let Cmd { program, args, .. } = cluster(0).end();
        assert_eq!(
            Command::new(program)
                .args(args)
                .env("TRIAL_FOLDER", "")
                .output()
                .unwrap()
                .status
                .code(),
            Some(2)
        );
    }
}
