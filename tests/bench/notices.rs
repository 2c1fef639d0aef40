//! `[notices]`: who is told how a command ended, by real curl to a receiver of ours.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Bench, HOST, Said, TOOL};
use crate::support::component::{output, script};
use crate::support::need;

/// What a receiver answers.
#[derive(Clone, Copy)]
enum Answers {
    Well,
    Error,
    Elsewhere,
    Nothing,
}

/// A web server that keeps what it is sent: path, headers and body.
struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<(String, String, String)>>>,
}

impl Receiver {
    fn new(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&got);

        std::thread::spawn(move || {
            // whoever gets no answer stays connected
            let mut silent = Vec::new();
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                kept.lock().unwrap().push(request);
                let status = match answers {
                    Answers::Well => "200 OK",
                    Answers::Error => "500 Internal Server Error",
                    Answers::Elsewhere => "301 Moved Permanently\r\nLocation: http://127.0.0.1:1/",
                    Answers::Nothing => {
                        silent.push(stream);
                        continue;
                    }
                };
                let mut stream = stream;
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            }
        });

        Self { port, got }
    }

    fn got(&self) -> Vec<(String, String, String)> {
        self.got.lock().unwrap().clone()
    }

    fn paths(&self) -> Vec<String> {
        self.got().into_iter().map(|(path, ..)| path).collect()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook/s3cr3tt0ken", self.port)
    }
}

fn read(stream: &TcpStream) -> Option<(String, String, String)> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;

    let (mut headers, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&line);
    }

    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    Some((path, headers, String::from_utf8(body).ok()?))
}

/// A project with one notice, whose address is in a variable.
fn bench(receiver: &Receiver, notice: &str) -> Bench {
    let mut bench = Bench::new(&format!("{HOST}[notices.ops]\n{notice}\n"));
    bench.env("HOOK", &receiver.url());
    bench
}

fn fail(bench: &Bench) -> Said {
    bench.complains("pg_dump", 1, "pg_dump: error: no such thing, hunter22\n");
    bench.run(&["db-backup"]).exits(1)
}

fn has_curl() -> Result<String, String> {
    output(Command::new(script("program.sh")).arg("curl"))
}

#[test]
fn a_failure_is_posted_and_a_success_is_not() {
    need!("curl", has_curl());
    let receiver = Receiver::new(Answers::Well);
    let mut bench = bench(&receiver, "webhook = \"${HOOK}\"");
    bench.env("PGPASSWORD", "hunter22").env("USER", "ann");

    bench.run(&["db-backup"]).exits(0);
    bench.run(&["db-list"]).exits(0);
    bench.run(&["db-restore", "--latest", "--dry-run"]).exits(0);
    assert_eq!(receiver.got().len(), 0);

    let said = fail(&bench);
    assert!(!said.err.contains("warning"), "{}", said.err);
    let (path, headers, body) = receiver.got().remove(0);
    assert_eq!(path, "/hook/s3cr3tt0ken");
    assert!(headers.contains("Content-Type: application/json"), "{headers}");

    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(told["events"][0], "failure");
    assert_eq!(told["title"], "shop (development): db-backup failed");
    assert_eq!((&told["command"], &told["exit"]), (&"db-backup".into(), &1.into()));
    assert_eq!(told["databases"][0], "app");
    assert!(told["who"].as_str().unwrap().contains('@'), "{body}");
    let anchor = &told["audit"];
    let anchor = ["log", "line", "digest"].map(|key| anchor[key].to_string().replace('"', ""));
    bench.run(&["db-log", "--verify", "--anchor", &anchor.join(":")]).exits(0);
    assert!(body.contains("no such thing") && !body.contains("hunter22"), "{body}");
}

#[test]
fn an_address_is_shown_nowhere() {
    need!("curl", has_curl());
    let receiver = Receiver::new(Answers::Error);
    let bench = bench(&receiver, "webhook = \"${HOOK}\"");
    let said = fail(&bench);
    let mut all = format!("{}{}", said.out, said.err);
    assert!(all.contains("warning: the notice `ops` was not sent: curl: "), "{all}");

    all += &bench.run(&["db-config"]).exits(0).out;
    all += &bench.run(&["db-config", "--json"]).exits(0).out;
    all += &fs::read_to_string(bench.dir.join(".db-tasks/audit.jsonl")).unwrap();
    assert!(!all.contains("s3cr3tt0ken"), "{all}");
    assert!(all.contains("notices.ops.webhook"), "{all}");
}

#[test]
fn each_shape_is_what_its_reader_takes() {
    need!("curl", has_curl());
    for (shape, has) in [
        ("slack", "{\"text\":\"shop (development): db-backup failed\\n"),
        ("discord", "{\"allowed_mentions\":{\"parse\":[]},\"content\":\"shop (development)"),
        ("ntfy", "databases: app\n"),
    ] {
        let receiver = Receiver::new(Answers::Well);
        let bench = bench(&receiver, &format!("webhook = \"${{HOOK}}\"\nshape = \"{shape}\""));
        fail(&bench);
        let (_, headers, body) = receiver.got().remove(0);
        assert!(body.starts_with(has), "{shape}: {body}");
        let title = "Title: shop (development): db-backup failed";
        assert_eq!(headers.contains(title), shape == "ntfy", "{headers}");
    }
}

#[test]
fn a_ping_hears_of_each_backup() {
    need!("curl", has_curl());
    let receiver = Receiver::new(Answers::Well);
    let bench = bench(&receiver, "ping = \"${HOOK}\"");
    bench.run(&["db-backup"]).exits(0);
    bench.run(&["db-wipe", "--yes"]);
    fail(&bench);
    let base = "/hook/s3cr3tt0ken";
    let (start, end) = (format!("{base}/start"), format!("{base}/fail"));
    assert_eq!(receiver.paths(), [start.clone(), base.into(), start, end]);
}

#[test]
fn a_receiver_that_does_not_take_it_changes_nothing() {
    need!("curl", has_curl());
    let refuses = Receiver { port: 1, got: Arc::default() };
    for (receiver, most) in [
        (refuses, 14),
        (Receiver::new(Answers::Error), 14),
        (Receiver::new(Answers::Elsewhere), 14),
        (Receiver::new(Answers::Nothing), 25),
    ] {
        let bench = bench(&receiver, "on = [\"success\"]\nwebhook = \"${HOOK}\"");
        let begun = Instant::now();
        let said = bench.run(&["db-backup"]).exits(0);
        assert!(begun.elapsed() < Duration::from_secs(most), "{:?}", begun.elapsed());
        assert!(said.err.contains("warning: the notice `ops` was not sent: "), "{}", said.err);
        assert_eq!(bench.names_in("backups").len(), 2);
    }
}

#[test]
fn wipes_and_refusals_are_told() {
    need!("curl", has_curl());
    let receiver = Receiver::new(Answers::Well);
    let mut bench = bench(&receiver, "on = [\"wipe\", \"refusal\"]\nwebhook = \"${HOOK}\"");
    bench.env("ALLOW_DATABASE_WIPE", "true");
    bench.run(&["db-wipe", "--yes"]).exits(0);
    bench.env("ENVIRONMENT", "production");
    bench.run(&["db-wipe", "--yes"]).exits(3);

    let events: Vec<Value> = receiver
        .got()
        .iter()
        .map(|(.., body)| serde_json::from_str::<Value>(body).unwrap()["events"].clone())
        .collect();
    assert_eq!(Value::from(events).to_string(), r#"[["success","wipe"],["refusal"]]"#);
}

#[test]
fn what_a_check_finds_is_told_unless_the_repository_is_strange() {
    need!("curl", has_curl());
    let receiver = Receiver::new(Answers::Well);
    let mut bench = bench(&receiver, "webhook = \"${HOOK}\"");
    bench.run(&["db-status"]).exits(0);
    assert_eq!(receiver.got().len(), 0);

    bench.run(&["db-status", "--check"]).exits(1);
    let (.., body) = receiver.got().remove(0);
    assert!(body.contains("main: no good backup") && body.contains("\"stale\""), "{body}");

    bench.env("DB_TASKS_TRUST_REPO", "0");
    bench.file(
        "db-tasks.toml",
        HOST.replace("programs = \"../bin\"\n", "") + "[notices.ops]\nwebhook = \"${HOOK}\"\n",
    );
    bench.run(&["db-status", "--check"]).exits(1).tells("no notice is sent");
    assert_eq!(receiver.got().len(), 1);
}

#[test]
fn a_program_reads_the_document() {
    let bench = Bench::new(&format!(
        "{HOST}[notices.ops]\non = [\"success\", \"failure\"]\nrun = \"cat >told; echo \
         $DBTASKS_TASK $DBTASKS_OUTCOME $DBTASKS_ENVIRONMENT >>told\"\n"
    ));
    bench.run(&["db-backup", "--label", "x"]).exits(0);
    let told = fs::read_to_string(bench.dir.join("told")).unwrap();
    let (document, variables) = told.rsplit_once('}').unwrap();
    assert_eq!(variables.trim(), "backup done development");
    let document: Value = serde_json::from_str(&format!("{document}}}")).unwrap();
    assert!(document["result"][0].as_str().unwrap().starts_with("backups/app_"), "{document}");

    let toml = fs::read_to_string(bench.dir.join("db-tasks.toml")).unwrap();
    for (run, why) in [
        ("\"echo it is full >&2; exit 3\"", "sh: it is full"),
        ("[\"no-such-program\"]", "could not start `no-such-program`"),
    ] {
        let (before, _) = toml.split_once("run = ").unwrap();
        bench.file("db-tasks.toml", format!("{before}run = {run}\n"));
        let said = bench.run(&["db-backup"]).exits(0);
        assert!(said.err.contains(&format!("`ops` was not sent: {why}")), "{}", said.err);
    }
}

#[test]
fn a_run_that_a_signal_ends_is_told() {
    let bench = Bench::new(&format!("{HOST}[notices.ops]\nrun = \"cat >told\"\n"));
    bench.during_dump("touch \"$bench/dumping\"; sleep 30");
    let mut child = bench.command(TOOL).arg("db-backup").spawn().unwrap();
    let begun = Instant::now();
    while !bench.root().join("dumping").exists() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(50));
    }

    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let told = fs::read_to_string(bench.dir.join("told")).unwrap();
    assert!(told.contains("db-backup was interrupted"), "{told}");
}

#[test]
fn the_machines_own_mail_program_gets_a_whole_mail() {
    let notice = "[notices.ops]\nto = [\"ops@shop.example\", \"ann@shop.example\"]\n";
    let bench = Bench::new(&format!("{HOST}{notice}"));
    let keepers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/bench/keepers");
    symlink(keepers.canonicalize().unwrap(), bench.root().join("bin/sendmail")).unwrap();
    let said = fail(&bench);
    assert!(!said.err.contains("warning"), "{}", said.err);

    let mail = fs::read_to_string(bench.root().join("mail")).unwrap();
    assert!(mail.starts_with("From: ops@shop.example\nTo: ops@shop.example, ann@shop.example\nSubject: shop (development): db-backup failed\n"), "{mail}");
    let told = fs::read_to_string(bench.root().join("keepers")).unwrap();
    assert_eq!(told, "sendmail -i -t\n");
}

/// A real mail server, killed when dropped.
struct MailServer {
    child: Child,
    port: String,
    folder: tempfile::TempDir,
}

impl MailServer {
    fn start(python: &str, tls: Option<(&Path, &Path)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(python);
        command.arg(script("smtp.py")).arg(folder.path());
        if let Some((cert, key)) = tls {
            command.env("TLS_CERT", cert).env("TLS_KEY", key);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().to_owned(), folder }
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(name)).ok()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_mail_goes_to_a_server_with_tls_and_a_login() {
    need!("curl", has_curl());
    let python = need!("aiosmtpd", output(&mut Command::new(script("smtp.sh"))));
    let openssl = need!("openssl", output(Command::new(script("program.sh")).arg("openssl")));

    let keys = tempfile::tempdir().unwrap();
    let (cert, key) = (keys.path().join("cert"), keys.path().join("key"));
    let words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext \
                 subjectAltName=DNS:localhost -out";
    let mut made = Command::new(openssl);
    made.args(words.split_whitespace()).arg(&cert).arg("-keyout").arg(&key);
    output(&mut made).unwrap();

    let server = MailServer::start(&python, Some((&cert, &key)));
    let notice = format!(
        "[notices.ops]\nto = [\"ops@shop.example\", \"ann@shop.example\"]\nfrom = \
         \"db@shop.example\"\nsmtp = \"smtp://localhost:{}\"\nsmtp-user = \
         \"u\"\nsmtp-password-env = \"MAIL_PASSWORD\"\n",
        server.port
    );
    let mut bench = Bench::new(&format!("{HOST}{notice}"));
    bench.env("MAIL_PASSWORD", "p@ss w\"rd").env("CURL_CA_BUNDLE", cert.to_str().unwrap());
    let said = fail(&bench);
    assert!(!said.err.contains("warning"), "{}", said.err);

    assert_eq!(
        server.file("1.who").unwrap(),
        "db@shop.example ops@shop.example ann@shop.example\n"
    );
    let mail = server.file("1.eml").unwrap();
    assert!(mail.contains("Subject: shop (development): db-backup failed"), "{mail}");
    assert!(!bench.names_in(".db-tasks").iter().any(|name| name.ends_with(".eml")));

    bench.env("MAIL_PASSWORD", "wr0ng-one");
    let said = fail(&bench);
    assert!(said.err.contains("warning: the notice `ops` was not sent: curl: "), "{}", said.err);
    assert!(!said.err.contains("wr0ng-one"), "{}", said.err);

    // a server that nobody vouches for gets no password
    bench.env("CURL_CA_BUNDLE", "/etc/hostname").env("MAIL_PASSWORD", "p@ss w\"rd");
    assert!(fail(&bench).err.contains("was not sent"));
    assert!(server.file("2.eml").is_none());
}

#[test]
fn a_relay_without_tls_gets_mail_and_no_password() {
    need!("curl", has_curl());
    let python = need!("aiosmtpd", output(&mut Command::new(script("smtp.sh"))));
    let server = MailServer::start(&python, None);
    let notice = format!(
        "[notices.ops]\nto = [\"o@x.example\"]\nsmtp = \"smtp://127.0.0.1:{}\"\n",
        server.port
    );
    let mut bench = Bench::new(&format!("{HOST}{notice}"));
    let said = fail(&bench);
    assert!(server.file("1.eml").is_some(), "{}", said.err);

    bench.env("MAIL_PASSWORD", "hunter22");
    bench.file(
        "db-tasks.toml",
        format!("{HOST}{notice}smtp-user = \"u\"\nsmtp-password-env = \"MAIL_PASSWORD\"\n"),
    );
    assert!(fail(&bench).err.contains("was not sent"), "no TLS, no password");
    assert!(server.file("2.eml").is_none());
}

#[test]
fn what_is_no_notice_is_an_error() {
    let mut bench = Bench::new(HOST);
    bench.env("BAD", "ftp://x");
    for (notice, why) in [
        ("on = [\"failure\"]", "must say one way"),
        ("run = \"x\"\nto = [\"a@b\"]", "must say one way"),
        ("run = \"x\"\non = [\"failures\"]", "has `failures`, which is none"),
        ("run = \"x\"\ncommands = [\"backups\"]", "has `backups`, which is none"),
        ("run = \"x\"\nshape = \"slack\"", "`shape` has no use"),
        ("webhook = \"${BAD}\"", "is no address of the web"),
        ("webhook = \"${HOME}x\"\nshape = \"teams\"", "is no address of the web"),
        ("webhook = \"http://x\"\nshape = \"teams\"", "`notices.ops.shape` is `teams`"),
        ("to = [\"a b@c\"]", "is no mail address"),
        ("to = [\"-a@c\"]", "is no mail address"),
        ("to = [\"a@c\"]\nsmtp = \"mail.example\"", "is no mail server"),
        ("to = [\"a@c\"]\nsmtp = \"smtp://u:p@mail\"", "is no mail server"),
        ("to = [\"a@c\"]\nsmtp-user = \"u\"", "half of a login"),
    ] {
        bench.file("db-tasks.toml", format!("{HOST}[notices.ops]\n{notice}\n"));
        bench.run(&["db-list"]).exits(2).tells(why);
    }
}

/// `db-verify` reads a file, and runs nothing of a stranger's.
#[test]
fn a_stranger_is_told_nothing_and_runs_nothing() {
    need!("curl", has_curl());
    let receiver = Receiver::new(Answers::Well);
    let notices = "[notices.own]\non = [\"success\", \"failure\"]\nrun = \"touch sprung\"\n\
                   [notices.ops]\non = [\"success\", \"failure\"]\nwebhook = \"${HOOK}\"\n\
                   [notices.alive]\ncommands = [\"verify\"]\nping = \"${HOOK}\"\n";
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().display();
    let mut bench = Bench::new(&format!(
        "[project]\nname = \"shop\"\nlogs = \"{elsewhere}/logs\"\n[databases.main]\npostgres = {{ \
         database = \"app\" }}\n[audit]\nfile = \"{elsewhere}/audit\"\n{notices}"
    ));
    bench.env("HOOK", &receiver.url()).env("DB_TASKS_TRUST_REPO", "0");
    bench.file("a.sql", super::DUMP);

    bench.run(&["db-verify", "a.sql"]);
    bench.run(&["db-verify", "no-such"]).exits(2);
    bench.run(&["db-schedule"]).exits(0);
    assert!(!bench.dir.join("sprung").exists() && receiver.got().is_empty());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}
