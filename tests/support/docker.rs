//! A docker engine, containers and compose projects of PostgreSQL, removed when dropped or when
//! this process ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::component::{output, quoted, script, unique};
use super::server::Server;
use super::watchdog;

pub const IMAGE: &str = "db-tasks-test-postgres";
pub const PASSWORD: &str = "secret";
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Engine {
    /// For the environment of whatever is to use this engine.
    pub docker_host: String,
    /// Held while this process lives, so that another one does not stop the engine.
    _lease: File,
}

/// The engine of this process, with the image in it.
pub fn engine() -> Result<&'static Engine, String> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    ENGINE.get_or_init(Engine::start).as_ref().map_err(Clone::clone)
}

impl Engine {
    fn start() -> Result<Self, String> {
        let own = std::env::temp_dir()
            .join(format!("db-tasks-docker-{}", output(Command::new("id").arg("-u"))?));
        let lease_path = own.with_extension("lease");
        let lease = lease(&lease_path)?;
        // the last process that lets go of the lease ends the engine, if there is one of ours,
        // before another can have it
        let (held, stop) =
            (quoted(&lease_path), format!("{} stop {}", quoted(script("docker.sh")), quoted(&own)));
        let last = format!("flock -n -o {held} -c {}", quoted(format!("{stop}; rm {held}")));

        watchdog::at_exit(&format!("if command -v flock; then {last}; else rm -f {held}; fi"));
        let said = output(Command::new(script("docker.sh")).arg("start").arg(&own))?;
        let docker_host = said.strip_prefix("DOCKER_HOST=").ok_or(said.as_str())?.to_owned();
        let engine = Self { docker_host, _lease: lease };

        output(engine.run(script("image.sh")).arg(IMAGE))?;

        Ok(engine)
    }

    /// A command that reaches this engine: docker itself, compose, or the tool under test.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DOCKER_HOST", &self.docker_host).env_remove("DOCKER_CONTEXT");
        command
    }

    pub fn docker(&self, args: &[&str]) -> Result<String, String> {
        output(self.run("docker").args(args))
    }

    fn shell(&self) -> String {
        format!("DOCKER_HOST={} docker", quoted(&self.docker_host))
    }

    /// A network of this process, since our engine has no default bridge.
    pub fn network(&self) -> Result<&'static str, String> {
        static NAME: OnceLock<Result<String, String>> = OnceLock::new();
        let made = NAME.get_or_init(|| {
            let name = unique("dbt");
            watchdog::at_exit(&format!("{} network rm {name}", self.shell()));
            self.docker(&["network", "create", &name]).map(|_| name)
        });
        made.as_deref().map_err(Clone::clone)
    }
}

// whoever ends the engine removes the file while holding it: what was locked must still be what is
// there
fn lease(path: &Path) -> Result<File, String> {
    use std::os::unix::fs::MetadataExt;

    loop {
        let file = File::create(path).map_err(|e| format!("{}: {e}", path.display()))?;
        file.lock_shared().map_err(|e| e.to_string())?;
        let held = file.metadata().map_err(|e| e.to_string())?.ino();
        if std::fs::metadata(path).is_ok_and(|there| there.ino() == held) {
            return Ok(file);
        }
    }
}

/// What a container is to be like. `Options::default()` is a database `appdb` of `app`, reached by
/// exec only.
pub struct Options<'a> {
    pub user: &'a str,
    pub db: &'a str,
    pub image: &'a str,
    /// Publishes the port on 127.0.0.1, a free one.
    pub publish: bool,
    /// More words for `docker run`.
    pub run: &'a [&'a str],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { user: "app", db: "appdb", image: IMAGE, publish: false, run: &[] }
    }
}

pub struct Container {
    pub name: String,
    /// The superuser inside, by exec.
    pub server: Server,
    /// Where it is published on 127.0.0.1.
    pub port: Option<u16>,
    /// Over the published port.
    pub url: Option<String>,
    engine: &'static Engine,
}

pub fn container(options: &Options) -> Result<Container, String> {
    let engine = engine()?;
    let name = unique("dbt-pg");
    // asked for before the container is, so that it is removed after it
    let network = if options.publish { engine.network()? } else { "none" };

    watchdog::at_exit(&format!("{} rm -vf {name}", engine.shell()));
    let mut run = engine.run("docker");
    run.args(["run", "-d", "--name", &name, "-e", &format!("POSTGRES_PASSWORD={PASSWORD}")]);

    run.args([
        "-e",
        &format!("POSTGRES_USER={}", options.user),
        "-e",
        &format!("POSTGRES_DB={}", options.db),
    ]);

    run.args(["--network", network]);
    if options.publish {
        run.args(["-p", "127.0.0.1::5432"]);
    }

    let server = exec(engine, &name, options.user);
    let mut container = Container { name, server, port: None, url: None, engine };
    output(run.args(options.run).args([options.image, "postgres", "-c", "fsync=off"]))?;
    container.wait(options.user, options.db)?;

    if options.publish {
        let port = published(engine, &container.name)?;
        container.url = Some(format!(
            "postgresql://{}:{PASSWORD}@127.0.0.1:{port}/{}",
            options.user, options.db
        ));
        container.port = Some(port);
    }

    Ok(container)
}

impl Container {
    pub fn exec(&self, words: &[&str]) -> Result<String, String> {
        self.engine.docker(&[&["exec", &self.name], words].concat())
    }

    pub fn wait(&self, user: &str, db: &str) -> Result<(), String> {
        wait_ready(self.engine, &self.name, user, db)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.engine.docker(&["rm", "-vf", &self.name]);
    }
}

fn exec(engine: &Engine, name: &str, user: &str) -> Server {
    Server {
        prefix: ["docker", "exec", "-i", name].map(String::from).into(),
        bin: String::new(),
        options: ["-U", user].map(String::from).into(),
        env: vec![("DOCKER_HOST".into(), engine.docker_host.clone())],
    }
}

fn published(engine: &Engine, name: &str) -> Result<u16, String> {
    let said = engine.docker(&["port", name, "5432/tcp"])?;
    let port = said
        .lines()
        .next()
        .and_then(|line| line.rsplit(':').next())
        .and_then(|port| port.parse().ok());
    port.ok_or(format!("docker port {name}: {said}"))
}

// the first server of a new container listens on the socket only, and goes away again: TCP tells
// the real one
fn wait_ready(engine: &Engine, name: &str, user: &str, db: &str) -> Result<(), String> {
    let password = format!("PGPASSWORD={PASSWORD}");
    let ask = [
        "exec",
        "-e",
        &password,
        name,
        "psql",
        "-XqAt",
        "-h",
        "127.0.0.1",
        "-U",
        user,
        "-d",
        db,
        "-c",
        "SELECT 1",
    ];

    let running = || {
        engine
            .docker(&["inspect", "-f", "{{.State.Running}}", name])
            .is_ok_and(|said| said == "true")
    };

    wait(&format!("PostgreSQL in {name}"), || match engine.docker(&ask) {
        Ok(_) => Ok(true),
        Err(_) if running() => Ok(false),
        Err(e) => Err(format!("{name} ended: {e}\n{}", logs(engine, name))),
    })
}

fn logs(engine: &Engine, name: &str) -> String {
    let out = engine.run("docker").args(["logs", "--tail", "5", name]).output();
    out.map(|out| String::from_utf8_lossy(&out.stderr).into_owned()).unwrap_or_default()
}

fn wait(what: &str, mut done: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let start = Instant::now();
    while !done()? {
        if start.elapsed() > PATIENCE {
            return Err(format!("{what} was not ready in {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// A running project of `compose.yml`, in a folder of its own: services `db` and `app`.
pub struct Compose {
    pub project: String,
    /// Holds the file.
    pub dir: PathBuf,
    /// The words that run compose: `docker-compose`, or `docker compose`.
    pub words: Vec<String>,
    /// For tools that find compose by themselves: `DOCKER_HOST`, and `DOCKER_CONFIG` where the
    /// plugin is ours.
    pub env: Vec<(String, String)>,
    /// The database's container by exec.
    pub server: Server,
    pub port: u16,
    pub url: String,
    engine: &'static Engine,
}

/// `version` is `v1` or `v2`.
pub fn compose_project(version: &str) -> Result<Compose, String> {
    let engine = engine()?;
    let words = output(engine.run(script("compose.sh")).arg(version))?;
    let words: Vec<String> = words.split(' ').map(String::from).collect();
    let project = unique("dbt");
    let dir = std::env::temp_dir().join(format!("{project}.compose"));

    std::fs::create_dir_all(&dir).map_err(|e| e.to_string())?;
    std::fs::copy(script("compose.yml"), dir.join("compose.yml")).map_err(|e| e.to_string())?;
    watchdog::at_exit(&removal(engine, &project, &dir));

    let mut env: Vec<(String, String)> = vec![
        ("DOCKER_HOST".into(), engine.docker_host.clone()),
        ("DB_TASKS_TEST_IMAGE".into(), IMAGE.into()),
        ("COMPOSE_PROJECT_NAME".into(), project.clone()),
    ];

    if let [_, flag, config, ..] = &words[..]
        && flag == "--config"
    {
        env.push(("DOCKER_CONFIG".into(), config.clone()));
    }

    let server = exec(engine, "", "app");
    let mut compose =
        Compose { project, dir, words, env, server, port: 0, url: String::new(), engine };
    compose.run(&["up", "-d"])?;

    let db = compose.container("db")?;
    wait_ready(engine, &db, "app", "appdb")?;
    compose.server = exec(engine, &db, "app");
    compose.port = published(engine, &db)?;
    compose.url = format!("postgresql://app:{PASSWORD}@127.0.0.1:{}/appdb", compose.port);

    wait("the application's connection", || Ok(compose.app_sessions()? > 0))?;

    Ok(compose)
}

impl Compose {
    pub fn command(&self) -> Command {
        let mut command = self.engine.run(&self.words[0]);
        command.args(&self.words[1..]).arg("-f").arg(self.dir.join("compose.yml"));
        command.envs(self.env.iter().cloned()).current_dir(&self.dir);
        command
    }

    pub fn run(&self, args: &[&str]) -> Result<String, String> {
        output(self.command().args(args))
    }

    /// The name of a service's container.
    pub fn container(&self, service: &str) -> Result<String, String> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");

        self.engine.docker(&[
            "ps",
            "-a",
            "--filter",
            &project,
            "--filter",
            &service,
            "--format",
            "{{.Names}}",
        ])
    }

    pub fn app_sessions(&self) -> Result<u32, String> {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test-app'";
        self.server.try_sql("postgres", count)?.parse().map_err(|e| format!("{e}"))
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let _ = output(Command::new("sh").arg("-c").arg(removal(
            self.engine,
            &self.project,
            &self.dir,
        )));
    }
}

// by label, not by compose: it works whatever has become of the file, and in half the time
fn removal(engine: &Engine, project: &str, dir: &Path) -> String {
    let docker = engine.shell();
    let ours = format!("-q --filter label=com.docker.compose.project={project}");
    let each = |list: &str, remove: &str| {
        format!("for i in $({docker} {list} {ours}); do {docker} {remove} $i; done")
    };
    let steps =
        [each("ps -a", "rm -vf"), each("network ls", "network rm"), each("volume ls", "volume rm")];
    format!("{}; rm -rf {}", steps.join("; "), quoted(dir))
}
