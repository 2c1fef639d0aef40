//! A real throw-away PostgreSQL on this machine, one for each test process, started by the first
//! test that asks.

use std::fs;
use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::component::{output, postgres, quoted, script, unique};
use super::server::Server;
use super::watchdog;

/// The role of the application: may create databases, is no superuser, and needs its password over
/// TCP and socket.
pub const USER: &str = "app";
pub const PASSWORD: &str = "s3cret";
/// What the server keeps of it, of 1,000 iterations: SCRAM's usual 4096 cost each connection some 10
/// ms of both processes, and nothing is asked of them here. Fewer have too few digits for Go's
/// lib/pq, which dbmate uses (`len(fields[2]) < 6` in its `scram.go`).
const VERIFIER: &str = "SCRAM-SHA-256$1000:c2l4dGVlbiBieXRlcyBvaw==\
                        $ODtafPT+N6WUE1qrX9VYdz0dXVbsYJU5qoem0fhO1UM=:\
                        ZkjfX6a7WneCPhCr3SVm5iiXLuGJxOd1pRCAt5Cs6ac=";

pub struct Cluster {
    /// The superuser, by the socket, without a password.
    server: Server,
    pub bin: PathBuf,
    /// Holds the data and the socket.
    pub dir: PathBuf,
    pub port: u16,
}

/// A database of one test's own, owned by `app`, dropped with all that is named after it.
pub struct TempDb {
    pub name: String,
    /// `app` over TCP.
    pub url: String,
    /// The superuser by the socket.
    pub socket_url: String,
    server: Server,
}

/// The cluster of this process.
pub fn cluster() -> Result<&'static Cluster, String> {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&programs()?)).as_ref().map_err(Clone::clone)
}

impl Deref for Cluster {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Cluster {
    /// A cluster of its own with the programs of a folder. It ends with this process.
    pub fn start(bin: &Path) -> Result<Self, String> {
        Self::configured(bin, "")
    }

    /// The same with lines of `postgresql.conf`.
    pub fn configured(bin: &Path, settings: &str) -> Result<Self, String> {
        let dir = short_folder()?;
        watchdog::at_exit(&format!("rm -rf {}", quoted(&dir)));
        Self::make(bin, dir, settings)
    }

    /// The same in a folder that is there and empty, and somebody else's to remove.
    pub fn start_in(bin: &Path, dir: PathBuf) -> Result<Self, String> {
        Self::make(bin, dir, "")
    }

    fn make(bin: &Path, dir: PathBuf, settings: &str) -> Result<Self, String> {
        let user = User::find(&dir)?;
        let data = dir.join("data");
        let mut initdb = user.command(&bin.join("initdb"));

        initdb.arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]);

        output(initdb.arg("--no-sync").current_dir(&dir))?;
        fs::write(data.join("pg_hba.conf"), HBA).map_err(|e| e.to_string())?;
        // read after postgresql.conf, and before any option of the command line
        fs::write(data.join("postgresql.auto.conf"), settings).map_err(|e| e.to_string())?;

        let stop =
            format!("{} -D {} -m immediate stop", user.shell(&bin.join("pg_ctl")), quoted(&data));
        watchdog::at_exit(&stop);

        let port = launch(&user, bin, &dir)?;
        let socket = dir.to_string_lossy();

        let server = Server {
            prefix: vec![],
            bin: format!("{}/", bin.display()),
            options: ["-h", &socket, "-p", &port.to_string(), "-U", "postgres"]
                .map(String::from)
                .into(),
            env: vec![],
        };

        server.try_sql(
            "postgres",
            &format!("CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{VERIFIER}'"),
        )?;
        Ok(Self { server, bin: bin.into(), dir, port })
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn database(&self) -> TempDb {
        let name = unique("t");
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {USER} TEMPLATE template0"));
        self.named(&name)
    }

    /// The same for a database that the test makes, by itself or not at all.
    pub fn named(&self, name: &str) -> TempDb {
        TempDb {
            url: self.url(name),
            socket_url: self.socket_url(name),
            name: name.into(),
            server: self.server.clone(),
        }
    }

    pub fn url(&self, db: &str) -> String {
        format!("postgresql://{USER}:{PASSWORD}@127.0.0.1:{}/{db}", self.port)
    }

    pub fn socket_url(&self, db: &str) -> String {
        format!("postgresql://postgres@/{db}?host={}&port={}", self.dir.display(), self.port)
    }
}

impl Drop for TempDb {
    fn drop(&mut self) {
        self.server.drop_all(&self.name);
    }
}

const HBA: &str = "local all postgres trust\nlocal all all scram-sha-256\nhost all all \
                   127.0.0.1/32 scram-sha-256\n";

// another process may take a port between its choice and its use
fn launch(user: &User, bin: &Path, dir: &Path) -> Result<u16, String> {
    let mut last = String::new();

    for _ in 0..5 {
        let port = free_port();
        let options = format!(
            "-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c \
             fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=200 \
             -c max_prepared_transactions=5 -c wal_level=logical -c \
             password_encryption=scram-sha-256 -c jit=off -c max_wal_size=4GB",
            dir.display()
        );

        let mut start = user.command(&bin.join("pg_ctl"));
        start
            .arg("-D")
            .arg(dir.join("data"))
            .arg("-l")
            .arg(dir.join("log"))
            .args(["-w", "-s", "-o", &options, "start"]);

        match output(start.current_dir(dir)) {
            Ok(_) => return Ok(port),
            Err(e) => {
                last = format!("{e}: {}", fs::read_to_string(dir.join("log")).unwrap_or_default())
            }
        }
    }

    Err(last)
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

/// A server's programs: the machine's, else the ones its packages have, else a wheel's.
pub fn programs() -> Result<PathBuf, String> {
    let packaged = || output(&mut Command::new(script("host-pg.sh"))).map(PathBuf::from);
    newest().or_else(|none| {
        packaged().or_else(|package| {
            postgres("17").map_err(|wheel| format!("{none}; {package}; {wheel}"))
        })
    })
}

/// The newest server on this machine.
pub fn newest() -> Result<PathBuf, String> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));

    let path = std::env::var_os("PATH").unwrap_or_default();
    // a link, as Homebrew makes it, leads to the folder where the other programs are
    let linked = std::env::split_paths(&path)
        .filter_map(|dir| Some(dir.join("initdb").canonicalize().ok()?.parent()?.to_owned()));
    let complete = |bin: &PathBuf| {
        ["initdb", "pg_ctl", "postgres", "psql", "pg_dump"].iter().all(|p| bin.join(p).exists())
    };

    debian
        .chain(linked)
        .filter(complete)
        .max_by_key(|bin| version(bin))
        .ok_or_else(|| "no PostgreSQL server in /usr/lib/postgresql or on PATH".into())
}

fn version(bin: &Path) -> Vec<u32> {
    let said = output(Command::new(bin.join("postgres")).arg("--version")).unwrap_or_default();
    let number = said
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or_default();
    number.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// A socket's path has room for 107 bytes.
fn short_folder() -> Result<PathBuf, String> {
    let temp = std::env::temp_dir();
    let base = if temp.as_os_str().len() > 60 { PathBuf::from("/tmp") } else { temp };
    let dir = base.join(unique("dbt"));

    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new()
        .mode(0o700)
        .create(&dir)
        .map_err(|e| format!("{}: {e}", dir.display()))?;

    Ok(dir)
}

/// Who runs the server, since it refuses to run as root: the words before each command.
pub struct User(Vec<&'static str>);

impl User {
    pub fn find(dir: &Path) -> Result<Self, String> {
        if output(Command::new("id").arg("-u"))? != "0" {
            return Ok(Self(vec![]));
        }

        // a user namespace needs no account, and the files stay root's; where it is forbidden, as
        // in some containers, nobody
        let namespace =
            Self(vec!["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]);

        if output(&mut namespace.command(Path::new("true"))).is_ok() {
            return Ok(namespace);
        }

        let nobody =
            Self(vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        std::os::unix::fs::chown(dir, Some(65534), Some(65534)).map_err(|e| e.to_string())?;

        output(&mut nobody.command(Path::new("true"))).map(|_| nobody)
    }

    pub fn command(&self, program: &Path) -> Command {
        let words: Vec<&std::ffi::OsStr> =
            self.0.iter().map(|w| (*w).as_ref()).chain([program.as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    }

    fn shell(&self, program: &Path) -> String {
        self.0.iter().map(quoted).chain([quoted(program)]).collect::<Vec<_>>().join(" ")
    }
}
