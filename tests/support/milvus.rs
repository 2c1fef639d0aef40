//! A real throw-away Milvus on this machine, one for each test process; and its Python client, to
//! write and read independently of ours.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::cluster::free_port;
use super::component::{output, quoted, script, unique};
use super::watchdog;

pub struct Server {
    pub url: String,
    /// Where Python of Milvus's own client is run.
    helper: PathBuf,
}

/// The real server of this process, 2.3.5.
pub fn server() -> Result<&'static Server, String> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let start = || Server::start("server/bin/milvus-server", &["--data"], &["--proxy-port"]);
    SERVER.get_or_init(start).as_ref().map_err(Clone::clone)
}

/// Milvus Lite, of the newest protocol.
pub fn lite() -> Result<&'static Server, String> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

    let start = || {
        Server::start(
            "client/bin/milvus-lite",
            &["server", "--data-dir"],
            &["--host", "127.0.0.1", "--port"],
        )
    };
    SERVER.get_or_init(start).as_ref().map_err(Clone::clone)
}

/// A Python that has imported the client already, and ends with this process: its socket.
fn helper(python: &Path, url: &str, dir: &Path) -> Result<PathBuf, String> {
    let socket = dir.join("helper");
    let mut child = Command::new(python)
        .arg(script("../milvus/helper.py"))
        .arg(url)
        .arg(&socket)
        .arg(script("../milvus/prelude.py"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;

    watchdog::at_exit(&format!("kill {}", child.id()));
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut said).map_err(|e| e.to_string())?;

    if said.trim() == "ready" { Ok(socket) } else { Err("Milvus's client does not start".into()) }
}

/// The server in the server has ports of its own, which two servers of one machine can't share.
fn etcd(dir: &Path) -> Result<PathBuf, String> {
    let (peers, clients) = (free_port(), free_port());
    let config = format!(
        "name: default\nlisten-peer-urls: http://127.0.0.1:{peers}\ninitial-advertise-peer-urls: http://127.0.0.1:{peers}\n\
         initial-cluster: default=http://127.0.0.1:{peers}\nlisten-client-urls: http://127.0.0.1:{clients}\n\
         advertise-client-urls: http://127.0.0.1:{clients}\n"
    );

    let path = dir.join("etcd.yaml");
    fs::write(&path, config).map_err(|e| e.to_string())?;

    Ok(path)
}

impl Server {
    fn start(program: &str, data: &[&str], port: &[&str]) -> Result<Self, String> {
        let home = PathBuf::from(output(&mut Command::new(script("milvus.sh")))?);
        let dir = std::env::temp_dir().join(unique("dbt_milvus"));
        fs::create_dir(&dir).map_err(|e| e.to_string())?;

        let number = free_port();
        let mut command = Command::new(home.join(program));
        command.env("ETCD_CONFIG_PATH", etcd(&dir)?);

        command
            .args(data)
            .arg(dir.join("data"))
            .args(port)
            .arg(number.to_string())
            .current_dir(&dir);

        let log = fs::File::create(dir.join("log")).map_err(|e| e.to_string())?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|e| e.to_string())?)
            .stderr(log);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);

        let mut child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
        // SIGINT to the Python process: it ends the server; SIGTERM would leave that alone
        let pid = child.id();
        watchdog::at_exit(&format!(
            "kill -INT {pid}; for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 -{pid} || break; sleep \
             0.5; done; kill -KILL -{pid}; rm -rf {}",
            quoted(&dir)
        ));

        let url = format!("http://127.0.0.1:{number}");
        let helper = helper(&home.join("client/bin/python"), &url, &dir)?;
        let server = Self { url, helper };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(180) {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!(
                    "{program} ended ({status}): {}",
                    fs::read_to_string(dir.join("log")).unwrap_or_default()
                ));
            }

            if TcpStream::connect(("127.0.0.1", number)).is_ok()
                && server.run("", "c.list_collections()").is_ok()
            {
                return Ok(server);
            }

            sleep(Duration::from_millis(200));
        }

        Err(format!("{program} did not answer within three minutes"))
    }

    /// A database of one test's own.
    pub fn database(&'static self) -> Database {
        let name = unique("db");
        self.run("", &format!("c.create_database({name:?})")).unwrap();
        Database { server: self, name }
    }

    /// The one that the server has from the beginning, where it knows no others.
    pub fn the_database(&'static self) -> Database {
        Database { server: self, name: String::new() }
    }

    fn run(&self, database: &str, code: &str) -> Result<String, String> {
        let ask = || -> std::io::Result<String> {
            let mut helper = UnixStream::connect(&self.helper)?;
            writeln!(helper, "{}", serde_json::json!([database, code]))?;
            std::io::read_to_string(helper)
        };

        let answer = ask().map_err(|e| e.to_string())?;
        let (done, said): (bool, String) =
            serde_json::from_str(&answer).map_err(|e| format!("{e}: {answer}"))?;

        if done { Ok(said) } else { Err(said) }
    }
}

pub struct Database {
    server: &'static Server,
    pub name: String,
}

impl Database {
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Runs Python with `c`, a client of Milvus's own, and what the prelude has; gives what it
    /// prints.
    #[track_caller]
    pub fn python(&self, code: &str) -> String {
        self.server.run(&self.name, code).unwrap_or_else(|e| panic!("{e}"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.server.run(&self.name, "drop_all()"));
    }
}
