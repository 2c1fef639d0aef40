//! PostgreSQL connection URIs, as libpq reads them.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A connection URI taken apart. Query parameters that libpq does not know (`schema`, `connection_limit`, …, which
/// Prisma and others add) are kept apart: psql would refuse the whole URI because of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Url {
    /// Host name, address or socket folder.
    pub host: Option<String>,
    /// Port.
    pub port: Option<String>,
    /// Role.
    pub user: Option<String>,
    /// Password, never shown.
    pub password: Option<String>,
    /// Password as the URI spells it, never shown either.
    pub spelled_password: Option<String>,
    /// Database.
    pub database: Option<String>,
    /// Other parameters that libpq knows, by keyword.
    pub options: Vec<(String, String)>,
    /// Names of parameters that were left out because libpq does not know them.
    pub ignored: Vec<String>,
}

/// libpq's keywords that make sense for a client started by hand, with the environment variable for each.
/// <https://www.postgresql.org/docs/current/libpq-envars.html>
pub const OPTIONS: [(&str, &str); 17] = [
    ("sslmode", "PGSSLMODE"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcrl", "PGSSLCRL"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("gssencmode", "PGGSSENCMODE"),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("options", "PGOPTIONS"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("service", "PGSERVICE"),
    ("passfile", "PGPASSFILE"),
];

/// Takes a `postgres://` or `postgresql://` URI apart.
///
/// # Errors
/// A sentence that says what is wrong, without the URI: it may hold a password.
pub fn parse(uri: &str) -> Result<Url, String> {
    let rest = uri
        .strip_prefix("postgresql://")
        .or_else(|| uri.strip_prefix("postgres://"))
        .ok_or("it does not begin with `postgresql://` or `postgres://`")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let mut url = Url::default();
    let (user, password) = who.split_once(':').map_or((who, None), |(u, p)| (u, Some(p)));
    url.user = some(decode(user)?);
    url.spelled_password = password.map(String::from);
    url.password = password.map(decode).transpose()?.and_then(some);
    url.database = some(decode(database)?);
    parse_hosts(hosts, &mut url)?;
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name == "password" {
            url.spelled_password = Some(value.to_owned());
        }
        parse_option(&decode(name)?, decode(value)?, &mut url);
    }
    Ok(url)
}

/// Several hosts (`a:1,b:2`) become libpq's comma lists.
fn parse_hosts(hosts: &str, url: &mut Url) -> Result<(), String> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for one in hosts.split(',') {
        let (name, port) = match one.strip_prefix('[').and_then(|o| o.split_once(']')) {
            Some((v6, rest)) => (v6, rest.strip_prefix(':').unwrap_or("")),
            None => one.split_once(':').unwrap_or((one, "")),
        };
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(
                "its port is not a number (is there an `@`, `:` or `/` in the password? write it as %40, %3A, %2F)".into()
            );
        }
        names.push(decode(name)?);
        ports.push(port.to_owned());
    }
    url.host = some(names.join(","));
    url.port = some(ports.join(",")).filter(|p| p.bytes().any(|b| b != b','));
    Ok(())
}

fn parse_option(name: &str, value: String, url: &mut Url) {
    match name {
        "host" => url.host = some(value),
        "port" => url.port = some(value),
        "user" => url.user = some(value),
        "password" => url.password = some(value),
        "dbname" => url.database = some(value),
        known if OPTIONS.iter().any(|(k, _)| *k == known) => url.options.push((known.into(), value)),
        other => url.ignored.push(other.into()),
    }
}

/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a URI, so that nothing in it means anything.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The same URI for another database of the same server; parameters for other programs stay.
pub fn with_database(uri: &str, database: &str) -> String {
    if parse(uri).is_ok_and(|url| url.database.as_deref() == Some(database)) {
        return uri.to_owned();
    }
    let (base, query) = uri.split_once('?').map_or((uri, None), |(base, query)| (base, Some(query)));
    let authority = base.split_once("://").map_or(0, |(scheme, _)| scheme.len() + 3);
    let end = base[authority..].find('/').map_or(base.len(), |at| authority + at);
    let kept = query.into_iter().flat_map(|q| q.split('&')).filter(|pair| !pair.starts_with("dbname="));
    let query = kept.collect::<Vec<_>>().join("&");
    format!("{}/{}{}{query}", &base[..end], encode(database), if query.is_empty() { "" } else { "?" })
}

/// A URI from its parts; a socket's folder is a parameter, as most drivers take it.
pub fn write(user: Option<&str>, password: Option<&str>, host: &str, port: Option<&str>, database: &str) -> String {
    let who = match (user, password) {
        (Some(user), Some(password)) => format!("{}:{}@", encode(user), encode(password)),
        (Some(user), None) => format!("{}@", encode(user)),
        _ => String::new(),
    };
    if host.starts_with('/') {
        let port = port.map_or(String::new(), |port| format!("&port={port}"));
        return format!("postgresql://{who}/{}?host={}{port}", encode(database), encode(host));
    }
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    format!("postgresql://{who}{host}{port}/{}", encode(database))
}

fn decode(text: &str) -> Result<String, String> {
    percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| "it is not UTF-8 once decoded".into())
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(uri: &str) -> String {
        let u = parse(uri).unwrap();
        let s = |o: &Option<String>| o.clone().unwrap_or_else(|| "-".into());
        format!("{} {} {} {} {}", s(&u.user), s(&u.password), s(&u.host), s(&u.port), s(&u.database))
    }

    #[test]
    fn takes_apart_what_people_write() {
        for (uri, want) in [
            ("postgresql://u:p@h:5433/d", "u p h 5433 d"),
            ("postgres://u@h/d", "u - h - d"),
            ("postgresql:///d", "- - - - d"),
            ("postgresql://u:p%40s%2Fs@h/d%20x", "u p@s/s h - d x"),
            ("postgresql://%2Ftmp%2Fpg/d", "- - /tmp/pg - d"),
            ("postgresql:///d?host=/tmp/pg&port=1", "- - /tmp/pg 1 d"),
            ("postgresql://[::1]:5432/d", "- - ::1 5432 d"),
            ("postgresql://a:1,b:2/d", "- - a,b 1,2 d"),
        ] {
            assert_eq!(shown(uri), want, "{uri}");
        }
    }

    #[test]
    fn keeps_libpq_options_and_sets_others_aside() {
        let u = parse("postgresql://h/d?schema=public&sslmode=require&connection_limit=5").unwrap();
        assert_eq!(u.options, [("sslmode".to_owned(), "require".to_owned())]);
        assert_eq!(u.ignored, ["schema", "connection_limit"]);
    }

    #[test]
    fn another_database_keeps_all_the_rest() {
        for (uri, want) in [
            ("postgresql://u:p@h:5433/d?schema=public", "postgresql://u:p@h:5433/d__x?schema=public"),
            ("postgres://u@h", "postgres://u@h/d__x"),
            ("postgresql:///d?host=/tmp/pg", "postgresql:///d__x?host=/tmp/pg"),
            ("postgresql://h/?dbname=d&sslmode=require", "postgresql://h/d__x?sslmode=require"),
            ("postgresql://h/d__x?dbname=d__x", "postgresql://h/d__x?dbname=d__x"),
        ] {
            assert_eq!(with_database(uri, "d__x"), want);
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for (host, port) in [("h", Some("5433")), ("/tmp/p g", Some("1")), ("::1", None)] {
            let read = parse(&write(Some("u@x"), Some("p:/@ß"), host, port, "d x")).unwrap();
            let text = |o: &Option<String>| o.clone().unwrap_or_default();
            assert_eq!([text(&read.user), text(&read.password), text(&read.database)], ["u@x", "p:/@ß", "d x"]);
            assert_eq!((text(&read.host).as_str(), read.port.as_deref()), (host, port));
        }
    }

    #[test]
    fn errors_never_repeat_the_uri() {
        for uri in ["mysql://u:secret@h/d", "postgresql://u:sec/ret@h/d:x", "postgresql://u:p@h:secret/d"] {
            if let Err(e) = parse(uri) {
                assert!(!e.contains("secret"), "{e}");
            }
        }
    }
}
