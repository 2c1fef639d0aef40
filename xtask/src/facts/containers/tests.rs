use super::*;

#[test]
fn the_servers_port_is_on_its_command_line() {
    for (words, want) in [
        ("docker-entrypoint.sh postgres", None),
        ("docker-entrypoint.sh postgres -p 5433", Some("5433")),
        ("docker-entrypoint.sh -p 5433", Some("5433")),
        ("/usr/lib/postgresql/17/bin/postgres -D /data --port=5433", Some("5433")),
        ("postgres -c fsync=off -c port=5433 -N 10", Some("5433")),
        ("postgres -p5433 -cport=5434", Some("5434")),
        ("docker-entrypoint.sh node server.js -p 3000", None),
        ("sleep -p 3000 postgres", None),
        ("", None),
    ] {
        let words: Vec<String> = words.split(' ').map(String::from).collect();
        assert_eq!(port_in(&words).as_deref(), want, "{words:?}");
    }
}

#[test]
fn a_published_port_is_reached_on_the_engines_host() {
    for (host_ip, engine, want) in [
        ("0.0.0.0", None, "127.0.0.1"),
        ("", None, "127.0.0.1"),
        ("::", None, "127.0.0.1"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("192.168.7.1", None, "192.168.7.1"),
        ("0.0.0.0", Some("db.example"), "db.example"),
    ] {
        let binding = Binding { host_ip: host_ip.into(), host_port: "5432".into() };
        assert_eq!(binding.reached_at(engine), want, "{host_ip} {engine:?}");
    }
}
