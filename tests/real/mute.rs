//! Servers that take a client in and then say nothing: a half dead machine, a pooler without a
//! server behind it, a firewall that drops.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Held, Project, Said, family, same, signal, tiny_host, until, waiting};
use crate::support::cluster::cluster;
use crate::support::need;

/// Where a server falls silent.
#[derive(Debug, Clone, Copy)]
enum Silent {
    /// Before a client may log in.
    AtOnce,
    /// When it is asked something.
    WhenAsked,
}

/// What a server has seen of its clients.
#[derive(Default)]
struct Seen {
    /// Clients that wait for a word.
    waiting: AtomicUsize,
}

/// A server that serves for as long as this process lives. The protocol is PostgreSQL's
/// (protocol-flow, "Start-up").
fn server(silent: Silent) -> (u16, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);

    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let seen = Arc::clone(&shared);
            // a client that has gone is what is waited for
            std::thread::spawn(move || drop(serve(client, silent, &seen)));
        }
    });

    (port, seen)
}

fn serve(mut client: TcpStream, silent: Silent, seen: &Seen) -> std::io::Result<()> {
    const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];

    while let Silent::WhenAsked = silent {
        let wanted =
            u32::from_be_bytes(first_message(&mut client)?[..4].try_into().expect("four bytes"));

        if ENCRYPTION.contains(&wanted) {
            client.write_all(b"N")?;
            continue;
        }

        // AuthenticationOk, ReadyForQuery
        client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")?;
        break;
    }

    client.read_exact(&mut [0])?;
    seen.waiting.fetch_add(1, Ordering::SeqCst);

    let result = std::io::copy(&mut client, &mut std::io::sink());
    seen.waiting.fetch_sub(1, Ordering::SeqCst);

    result.map(drop)
}

/// Its length comes first, and is one of its parts.
fn first_message(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut message)?;
    Ok(message)
}

const CONFIG: &str = "[databases.main]\npostgres = { url = \"${DATABASE_URL}\" }\nhooks = { \
                      migrate = \"true\", seed = \"true\" }\n";

fn project(port: u16) -> Project {
    let project = Project::new(CONFIG)
        .env("DATABASE_URL", &format!("postgresql://app@127.0.0.1:{port}/shop"));
    project.write("dump.sql", "CREATE TABLE t (i int);\n");
    project
}

#[test]
fn a_signal_ends_what_is_asked() {
    let commands = [
        "db-status --check",
        "db-doctor",
        "db-backup --auto",
        "db-restore ./dump.sql --yes",
        "db-verify --deep --on-server ./dump.sql",
        "db-reset --yes",
        "db-migrate",
        "db-wipe --dry-run",
        "db-prepare",
        "db-protect",
    ];

    for silent in [Silent::AtOnce, Silent::WhenAsked] {
        let (port, seen) = server(silent);
        let project = project(port);
        for (words, name) in commands.iter().zip(["INT", "TERM", "HUP"].iter().cycle()) {
            let child = project.command(words).spawn().unwrap();
            until(words, || seen.waiting.load(Ordering::SeqCst) > 0);
            signal(&child, name);
            let said = Said::of(child.wait_with_output().unwrap());
            assert_eq!(said.code, Some(130), "{silent:?} {words}, SIG{name}: {said:?}");
            assert!(said.err.contains("interrupted"), "{silent:?} {words}: {said:?}");
            until("its client is gone", || seen.waiting.load(Ordering::SeqCst) == 0);
        }

        assert_eq!(project.files(), [] as [std::path::PathBuf; 0]);
    }
}

#[test]
fn a_program_gets_its_document_all_the_same() {
    let (port, seen) = server(Silent::WhenAsked);
    let project = project(port);
    for words in ["db-status --json", "db-doctor --json", "db-backup --auto --json"] {
        let child = project.command(words).spawn().unwrap();
        until(words, || seen.waiting.load(Ordering::SeqCst) > 0);
        signal(&child, "TERM");
        let said = Said::of(child.wait_with_output().unwrap()).ends_with(130, "");
        let document: serde_json::Value = serde_json::from_str(&said.out).expect("one document");
        assert_eq!(document["outcome"]["word"], "interrupted", "{document}");
    }
}

/// In a terminal, Ctrl-C is psql's own matter; what is to end for good ends.
#[test]
fn a_shell_ends_with_us() {
    let (port, seen) = server(Silent::WhenAsked);
    let project = project(port);
    for name in ["TERM", "HUP"] {
        let child = project.command("db-shell -c SELECT").spawn().unwrap();
        until("psql", || seen.waiting.load(Ordering::SeqCst) > 0);
        signal(&child, name);
        Said::of(child.wait_with_output().unwrap()).ends_with(130, "psql ended with a signal");
        until("psql is gone", || seen.waiting.load(Ordering::SeqCst) == 0);
    }
}

/// A way to a server that can be cut: what is sent then arrives nowhere, and nobody is told.
struct Way {
    port: u16,
    cut: Arc<AtomicBool>,
}

fn way_to(server: u16) -> Way {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let way = Way { port: listener.local_addr().unwrap().port(), cut: Arc::default() };
    let cut = Arc::clone(&way.cut);

    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (from, to, cut) =
                    (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&cut));
                std::thread::spawn(move || carry(from, to, &cut));
            }
        }
    });

    way
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut bytes = [0; 8192];
    while let Ok(got @ 1..) = from.read(&mut bytes) {
        while cut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if to.write_all(&bytes[..got]).is_err() {
            break;
        }
    }

    drop(to.shutdown(std::net::Shutdown::Both));
}

/// One signal is enough, and what could not be cleaned up is for the next run.
#[test]
fn a_server_that_falls_silent_in_the_midst_keeps_nobody() {
    let cluster = need!("postgresql", cluster());
    for words in ["db-restore --latest --yes --in-place", "db-wipe --yes", "db-backup --auto"] {
        let (db, project) = tiny_host(cluster);
        project.backup();

        let before = cluster.fingerprint(&db.name);
        let way = way_to(cluster.port);
        let cut_url = db.url.replace(&format!(":{}/", cluster.port), &format!(":{}/", way.port));
        let project = project.env("DATABASE_URL", &cut_url).env("ALLOW_DATABASE_WIPE", "true");

        // it waits for somebody else, and does not get any further
        let held = Held::new(cluster, &db.name, "LOCK orders");
        let child = project.command(words).spawn().unwrap();
        until(words, || waiting(cluster, &db.name) > 0);
        way.cut.store(true, Ordering::SeqCst);
        signal(&child, "TERM");

        let said = Said::of(child.wait_with_output().unwrap());
        assert_eq!(said.code, Some(130), "{words}: {said:?}");

        way.cut.store(false, Ordering::SeqCst);
        drop(held);
        project.ok("db-repair");
        same(&cluster.fingerprint(&db.name), &before);
        assert_eq!(family(cluster, &db.name), [db.name.as_str()], "{words}");
    }
}
