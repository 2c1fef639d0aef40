//! A real PgBouncer in front of a server.

use std::fs;
use std::process::Command;

use super::cluster::{Cluster, PASSWORD, USER, User, free_port};
use super::component::{output, quoted, script};
use super::watchdog;

pub struct Pooler {
    pub port: u16,
}

impl Pooler {
    /// One of its own, with lines of `pgbouncer.ini`. It ends with this process.
    pub fn before(cluster: &Cluster, name: &str, settings: &str) -> Result<Self, String> {
        let program = output(&mut Command::new(script("pgbouncer.sh")))?;
        let dir = cluster.dir.join(name);
        fs::create_dir(&dir).map_err(|e| e.to_string())?;

        let user = User::find(&dir)?;
        let (ini, port) = (dir.join("pgbouncer.ini"), free_port());
        let file = |name: &str| dir.join(name).display().to_string();

        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = \
             127.0.0.1\nlisten_port = {port}\nauth_type = trust\nauth_file = {}\nunix_socket_dir \
             =\nlogfile = {}\npidfile = {}\n{settings}\n",
            cluster.port,
            file("users"),
            file("log"),
            file("pid"),
        );

        fs::write(&ini, text)
            .and_then(|()| fs::write(dir.join("users"), format!("\"{USER}\" \"{PASSWORD}\"\n")))
            .map_err(|e| e.to_string())?;
        watchdog::at_exit(&format!("kill $(cat {})", quoted(file("pid"))));
        output(user.command(program.as_ref()).arg("-d").arg(&ini))?;

        Ok(Self { port })
    }

    pub fn url(&self, db: &str) -> String {
        format!("postgresql://{USER}:{PASSWORD}@127.0.0.1:{}/{db}", self.port)
    }
}
