//! What the parameters after a URI's `?` are: some are libpq's, some only a driver's, and some say
//! where the database is.

/// What to do with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// libpq's, passed on by this variable.
    Option(&'static str, String),
    /// One of the URI's own parts, by its keyword.
    Part(&'static str),
    /// A driver's, or one of libpq's that does not matter here.
    Ignored,
    /// It says where the database is, or how secure the connection must be, and libpq does not know
    /// it.
    Refused(String),
}

/// libpq's keywords that have a variable.
/// <https://www.postgresql.org/docs/current/libpq-envars.html>
const VARIABLES: [(&str, &str); 26] = [
    ("hostaddr", "PGHOSTADDR"),
    ("service", "PGSERVICE"),
    ("sslmode", "PGSSLMODE"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslsni", "PGSSLSNI"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("gssencmode", "PGGSSENCMODE"),
    ("gssdelegation", "PGGSSDELEGATION"),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("options", "PGOPTIONS"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("passfile", "PGPASSFILE"),
];

/// libpq's, and not about where or how securely: our programs set their own.
const OF_NO_MATTER: [&str; 8] = [
    "application_name",
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    // of node-postgres: how it reads `sslmode`
    "uselibpqcompat",
];

/// Parts of names by which drivers say where a database is (`socket` is dbmate's, `unix_sock`
/// pg8000's), or who connects.
const WHERE: [&str; 13] = [
    "host",
    "sock",
    "addr",
    "service",
    "endpoint",
    "proxy",
    "tunnel",
    "instance",
    "dbname",
    "database",
    "replication",
    "port",
    "user",
];

/// Drivers' own names that contain such a part but do not mean it.
const ELSE: [&str; 3] = ["socket_timeout", "socketTimeout", "socketFactoryArg"];

/// How names begin that say how secure the connection must be. If we can't pass one on, we must not
/// drop it: the connection would be less secure than requested.
const SAFELY: [&str; 8] = ["ssl", "tls", "gss", "krb", "channel", "require", "auth", "scram"];

/// What one parameter is.
pub fn of(name: &str, value: &str) -> Parameter {
    if let Some(part) =
        ["host", "port", "user", "password", "dbname"].into_iter().find(|part| *part == name)
    {
        return Parameter::Part(part);
    }

    if let Some(mode) = ssl_mode(name, value) {
        return mode.map_or_else(Parameter::Refused, |mode| Parameter::Option("PGSSLMODE", mode));
    }
    if let Some((_, variable)) = VARIABLES.iter().find(|(keyword, _)| *keyword == name) {
        return Parameter::Option(variable, value.to_owned());
    }

    if OF_NO_MATTER.contains(&name)
        || ELSE.contains(&name)
        || (name, value) == ("sslaccept", "accept_invalid_certs")
    {
        return Parameter::Ignored;
    }

    let lower = name.to_ascii_lowercase();
    if SAFELY.iter().any(|beginning| lower.starts_with(beginning)) {
        return Parameter::Refused(
            "it says how secure the connection must be, and libpq does not know it".into(),
        );
    }

    if WHERE.iter().any(|part| lower.contains(part)) {
        return Parameter::Refused(
            "it says where the database is, and libpq does not know it".into(),
        );
    }

    Parameter::Ignored
}

/// How drivers write `sslmode`, as libpq has it. libpq itself takes `ssl=true` for
/// `sslmode=require` (`conninfo_uri_parse_params` of its `fe-connect.c`); asyncpg's `ssl` takes the
/// words of `sslmode`, node-postgres has a `no-verify` that encrypts and verifies nothing.
fn ssl_mode(name: &str, value: &str) -> Option<Result<String, String>> {
    let mode = match (name, value) {
        ("ssl", "true" | "1") | ("sslmode", "no-verify") => "require",
        ("ssl", "false" | "0") => "disable",
        ("ssl", "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full") => value,
        ("ssl", "no-verify") => "require",
        ("ssl", _) => return Some(Err("it is neither `true` nor a word of `sslmode`".into())),
        _ => return None,
    };
    Some(Ok(mode.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_where_or_how_safely_is_never_dropped() {
        let refused = |name: &str, value: &str| matches!(of(name, value), Parameter::Refused(_));

        for (name, value) in [
            ("socket", "/tmp"),
            ("unix_sock", "/tmp/.s.PGSQL.5432"),
            ("hostname", "h"),
            ("database", "d"),
            ("endpoint", "e"),
            ("replication", "database"),
            ("sslpassword", "p"),
            ("sslaccept", "strict"),
            ("SSLMODE", "require"),
            ("ssl", "maybe"),
            ("tlsVerify", "1"),
            ("scram_client_key", "k"),
        ] {
            assert!(refused(name, value), "{name}={value}");
        }
    }

    #[test]
    fn what_says_nothing_of_it_is_left_out() {
        for name in [
            "schema",
            "pgbouncer",
            "connection_limit",
            "pool_timeout",
            "socket_timeout",
            "statement_cache_size",
            "application_name",
            "search_path",
            "serverVersion",
            "x-migrations-table",
            "prepareThreshold",
        ] {
            assert_eq!(of(name, "1"), Parameter::Ignored, "{name}");
        }
    }

    #[test]
    fn every_way_to_ask_for_tls_is_kept() {
        for (name, value, mode) in [
            ("ssl", "true", "require"),
            ("ssl", "require", "require"),
            ("ssl", "verify-full", "verify-full"),
            ("ssl", "false", "disable"),
            ("sslmode", "no-verify", "require"),
            ("sslmode", "verify-ca", "verify-ca"),
        ] {
            assert_eq!(
                of(name, value),
                Parameter::Option("PGSSLMODE", mode.into()),
                "{name}={value}"
            );
        }

        assert_eq!(
            of("channel_binding", "require"),
            Parameter::Option("PGCHANNELBINDING", "require".into())
        );
    }
}
