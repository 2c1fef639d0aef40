//! PostgreSQL connection URIs, as libpq reads them; what another program could read differently is
//! refused. <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>

mod parameters;
mod scheme;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use self::parameters::Parameter;

/// A connection URI taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Url {
    /// Host name, address or socket folder; several with commas between them.
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
    /// libpq's other parameters, by the variable that passes each on.
    pub options: Vec<(String, String)>,
    /// Names of parameters that were left out because they belong to other programs (`schema`,
    /// `connection_limit`): psql would refuse the whole URI because of them.
    pub ignored: Vec<String>,
}

/// Takes a URI apart: libpq's own, or one with a driver's scheme (`postgresql+asyncpg://`), quoted
/// or not.
///
/// # Errors
/// A sentence that says what is wrong, without the URI: it may hold a password.
pub fn parse(uri: &str) -> Result<Url, String> {
    let bare = unquoted(uri);
    if bare.trim() != bare {
        return Err(
            "it begins or ends with a blank, which some programs remove and others take as a part \
             of the name"
                .into(),
        );
    }

    if bare.chars().any(char::is_control) {
        return Err("it holds a control character (a newline?)".into());
    }

    let parts = Parts::of(bare)?;
    let mut url = Url::default();
    let (user, password) =
        parts.who.split_once(':').map_or((parts.who, None), |(u, p)| (u, Some(p)));

    url.user = some(decode(user)?);
    url.spelled_password = password.map(String::from);
    url.password = password.map(decode).transpose()?.and_then(some);
    url.database = some(decode(parts.database)?);
    parse_hosts(parts.hosts, &mut url)?;

    let mut seen: Vec<String> = Vec::new();

    for pair in parts.query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        if name == "password" {
            url.spelled_password = Some(value.to_owned());
        }

        take(&name, decode(value)?, &mut url)?;

        if seen.contains(&name) {
            return Err(format!(
                "it has the parameter `{}` twice, and programs differ in which one counts",
                word(&name)
            ));
        }

        seen.push(name);
    }

    consistent(&url)?;

    Ok(url)
}

const UNESCAPED: &str =
    "is there an unescaped `@` or `/` in the password? write them as %40 and %2F";

/// The parts of a URI, not decoded.
struct Parts<'a> {
    who: &'a str,
    hosts: &'a str,
    database: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    /// As libpq does: what is before an `@` is a role and its password, if that `@` comes before
    /// any `/`.
    fn of(uri: &'a str) -> Result<Self, String> {
        let rest = &uri[scheme::length(uri)
            .ok_or("it does not begin with `postgresql://` or `postgres://`")?..];
        let end = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@'));
        let (who, rest) = end.map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
        let hosts = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        let (path, query) =
            rest[hosts.len()..].split_once('?').unwrap_or((&rest[hosts.len()..], ""));

        let database = path.strip_prefix('/').unwrap_or(path);
        if hosts.contains('@') || database.contains('@') {
            return Err(UNESCAPED.into());
        }

        // a password with a `/` and a `?` looks like this
        let is_value =
            |pair: &str| ["user=", "host=", "password="].iter().any(|name| pair.starts_with(name));

        if who.is_empty() && query.split('&').any(|pair| pair.contains('@') && !is_value(pair)) {
            return Err(UNESCAPED.into());
        }

        if database.contains('/') {
            return Err(
                "the database's name has a `/` (at its end?); if it is a part of the name, write \
                 it as %2F"
                    .into(),
            );
        }

        Ok(Self { who, hosts, database, query })
    }
}

/// Docker's env files, and shells that quote twice, leave quotes around the whole URI.
fn unquoted(uri: &str) -> &str {
    let inside = |quote: char| uri.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(uri)
}

/// Several hosts (`a:1,b:2`) become libpq's comma lists.
fn parse_hosts(hosts: &str, url: &mut Url) -> Result<(), String> {
    let mut names = Vec::new();
    let mut ports = Vec::new();

    for one in hosts.split(',') {
        let (name, port) = match one.strip_prefix('[').and_then(|o| o.split_once(']')) {
            Some((v6, rest)) => (v6, rest.strip_prefix(':').unwrap_or(rest)),
            None => one.split_once(':').unwrap_or((one, "")),
        };
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err("its port is not a number (is there an unescaped `@`, `:` or `/` in the \
                        password? write them as %40, %3A and %2F)"
                .into());
        }

        names.push(decode(name)?);
        ports.push(port.to_owned());
    }

    url.host = some(names.join(","));
    url.port = some(ports.join(",")).filter(|p| p.bytes().any(|b| b != b','));

    Ok(())
}

fn take(name: &str, value: String, url: &mut Url) -> Result<(), String> {
    match parameters::of(name, &value) {
        Parameter::Part("password") => url.password = some(value),
        Parameter::Part(part) => {
            let own = match part {
                "host" => &mut url.host,
                "port" => &mut url.port,
                "user" => &mut url.user,
                _ => &mut url.database,
            };

            // Cloud SQL's own examples have a `localhost` that stands for nothing before
            // `?host=/cloudsql/…`
            let is_filler =
                part == "host" && own.as_deref() == Some("localhost") && value.starts_with('/');

            if own.as_ref().is_some_and(|own| *own != value) && !is_filler {
                return Err(format!(
                    "it has the {part} twice, and programs differ in which one counts"
                ));
            }

            *own = some(value);
        }
        Parameter::Option(variable, value) => url.options.push((variable.into(), value)),
        Parameter::Ignored => url.ignored.push(word(name)),
        Parameter::Refused(why) => {
            return Err(format!("it has the parameter `{}`: {why}", word(name)));
        }
    }

    Ok(())
}

/// What can't be passed to libpq in parts without changing its meaning.
fn consistent(url: &Url) -> Result<(), String> {
    let has = |variable: &str| url.options.iter().any(|(name, _)| name == variable);
    // a service's own settings win over variables
    let beside = url
        .options
        .iter()
        .find(|(name, _)| has("PGSERVICE") && (name.starts_with("PGSSL") || name == "PGHOSTADDR"));
    if let Some((variable, _)) = beside {
        return Err(format!(
            "it has `service` in addition to the parameter for {variable}: set that in the \
             service's own entry"
        ));
    }

    let parts = [("host", &url.host), ("user", &url.user), ("database", &url.database)];
    let controls = |text: &str| text.chars().any(char::is_control);
    if let Some((part, _)) =
        parts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| controls(text)))
    {
        return Err(format!("its {part} holds a control character (%0A is a newline)"));
    }

    if url.options.iter().any(|(_, value)| controls(value)) {
        return Err("one of its parameters holds a control character (%0A is a newline)".into());
    }

    Ok(())
}

/// A parameter's name, if it is one: by mistake it may be a part of a password.
fn word(name: &str) -> String {
    let is_word =
        name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b"_-.".contains(&b));
    let known = is_word || name.bytes().all(|b| b.is_ascii_alphabetic()) && name.len() <= 24;
    if known { name.to_owned() } else { "…".into() }
}

/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a URI, with all special characters encoded.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The same URI for another database of the same server; scheme and parameters stay as they are.
pub fn with_database(uri: &str, database: &str) -> String {
    let uri = unquoted(uri);
    if parse(uri).is_ok_and(|url| url.database.as_deref() == Some(database)) {
        return uri.to_owned();
    }

    let Ok(parts) = Parts::of(uri) else { return uri.to_owned() };
    let kept = parts
        .query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("dbname="))
        .collect::<Vec<_>>();

    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{}/{}{query}", &uri[..parts.hosts_at(uri).1], encode(database))
}

/// The same URI for a server at another host and port.
pub fn with_host(uri: &str, host: &str, port: &str) -> String {
    let uri = unquoted(uri);
    let Ok(parts) = Parts::of(uri) else { return uri.to_owned() };
    let (from, to) = parts.hosts_at(uri);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{}{host}:{port}{}", &uri[..from], &uri[to..])
}

impl Parts<'_> {
    /// Where the hosts stand in the URI that these are parts of.
    fn hosts_at(&self, uri: &str) -> (usize, usize) {
        let from = self.hosts.as_ptr() as usize - uri.as_ptr() as usize;
        (from, from + self.hosts.len())
    }
}

/// A URI from its parts; a socket's folder is a parameter, as most drivers take it.
pub fn write(
    user: Option<&str>,
    password: Option<&str>,
    host: &str,
    port: Option<&str>,
    database: &str,
) -> String {
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

/// As libpq decodes: a `%` that no two hexadecimal digits follow, and `%00`, are errors.
fn decode(text: &str) -> Result<String, String> {
    let escapes = text.split('%').skip(1);
    if escapes
        .clone()
        .any(|rest| rest.len() < 2 || !rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
    {
        return Err("it has a `%` that is not an escape (write a `%` as %25)".into());
    }

    if escapes.clone().any(|rest| rest.starts_with("00")) {
        return Err("it holds %00".into());
    }

    percent_decode_str(text)
        .decode_utf8()
        .map(String::from)
        .map_err(|_| "it is not UTF-8 once decoded".into())
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
