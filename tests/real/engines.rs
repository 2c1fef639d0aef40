//! A docker engine on another machine: reached over TCP, at an address of this one that is not
//! loopback.

use std::net::{IpAddr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::{io, thread};

use super::{Project, same, tiny};
use crate::support::component::{output, unique};
use crate::support::docker::{Engine, Options, container, engine};
use crate::support::need;

/// An address of this machine that others could use. Nothing is sent.
fn own_address() -> Result<IpAddr, String> {
    let socket = UdpSocket::bind("0.0.0.0:0").and_then(|s| s.connect("192.0.2.1:9").map(|()| s));
    let address = socket.and_then(|s| s.local_addr()).map_err(|e| e.to_string())?.ip();
    if address.is_loopback() {
        Err("this machine has no other address than loopback".into())
    } else {
        Ok(address)
    }
}

/// The engine's socket at an address, for as long as this process lives.
fn published(engine: &Engine, address: IpAddr) -> Result<u16, String> {
    let socket =
        engine.docker_host.strip_prefix("unix://").ok_or("the engine has no socket")?.to_owned();
    let listener = TcpListener::bind((address, 0)).map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();

    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = UnixStream::connect(&socket) else { return };
            relay(client, server);
        }
    });

    Ok(port)
}

fn relay(client: TcpStream, server: UnixStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut &server, &mut &client);
        let _ = client.shutdown(Shutdown::Write);
    });
}

#[test]
fn the_guard_knows_where_a_context_leads() {
    let engine = need!("docker", engine());
    let address = need!("an address", own_address());
    let port = need!("the engine over TCP", published(engine, address));
    let pg = need!("container", container(&Options::default()));

    tiny(&pg.server, "appdb");
    let before = pg.server.fingerprint("appdb");
    let config = format!(
        "[containers.pg]\ndocker = \"{}\"\n[databases.main]\ncontainer = \"pg\"\n",
        pg.name
    );
    let (host, name) = (format!("tcp://{address}:{port}"), unique("dbt"));

    let ways = [
        Project::new(&config).env("DOCKER_HOST", &host),
        Project::new(&config).env("DOCKER_CONTEXT", &name),
        Project::new(&config),
    ];

    for (at, project) in ways.into_iter().enumerate() {
        let project = project.env("ALLOW_DATABASE_WIPE", "true");
        let docker = |args: &[&str]| {
            let mut docker = Command::new("docker");
            docker
                .env("HOME", project.home())
                .env_remove("DOCKER_HOST")
                .env_remove("DOCKER_CONTEXT")
                .env_remove("DOCKER_CONFIG");
            output(docker.args(args)).unwrap()
        };

        docker(&["context", "create", &name, "--docker", &format!("host={host}")]);

        if at == 2 {
            docker(&["context", "use", &name]);
        }

        project.ok("db-backup --auto");
        for words in ["db-wipe --yes", "db-wipe --backup --yes", "db-restore --latest --yes"] {
            project.fails(
                words,
                3,
                &format!("`appdb` is on `{address}`, which is not this machine"),
            );
        }

        same(&pg.server.fingerprint("appdb"), &before);
    }

    // a context of this machine is no other machine
    let project = Project::new(&config);
    let create = ["context", "create", "here", "--docker", &format!("host={}", engine.docker_host)];
    output(
        Command::new("docker").env("HOME", project.home()).env_remove("DOCKER_CONFIG").args(create),
    )
    .unwrap();

    let project = project.env("DOCKER_CONTEXT", "here");
    project.ok("db-backup --auto");
    project.ok("db-restore --latest --yes");
    same(&pg.server.fingerprint("appdb"), &before);
}
