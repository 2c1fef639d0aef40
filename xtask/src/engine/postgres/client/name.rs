//! Names and literals in SQL, and the names derived from a database's own.

/// An identifier, always quoted. <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
pub fn ident(name: &str) -> String {
    format!("\"{}\"", without_nul(name).replace('"', "\"\""))
}

/// A string literal that means the same whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = without_nul(text).replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// For psql a line ends at a NUL, before the closing quote: the next line would be outside the
/// quotes. No name or text of a server has one, so the replacement matches nothing.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A block of PL/pgSQL, in quotes that nothing in it can close: it has names and comments, which
/// anybody may have chosen.
pub fn block(tag: &str, body: &str) -> String {
    let mut tag = tag.to_owned();
    while body.contains(&format!("${tag}$")) {
        tag.push('_');
    }
    format!("DO ${tag}$ {} ${tag}$;\n", body.trim())
}

/// psql's command to continue in another database of the same server: as a conninfo string, in
/// which no name is taken as one itself. Its argument ends with the line, so a name with a line
/// break is written as a URI, fully encoded.
/// <https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-META-COMMAND-C>
pub fn connect(database: &str) -> String {
    let database = without_nul(database);
    let target = if database.contains(char::is_control) {
        format!(
            "postgresql:///{}",
            database.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>()
        )
    } else {
        format!("dbname='{}'", database.replace('\\', r"\\").replace('\'', r"\'"))
    };
    format!("\\connect -reuse-previous=on {}\n", ident(&target))
}

/// NAMEDATALEN - 1: the server truncates longer names without an error.
pub const LIMIT: usize = 63;

/// What follows `__` in the names of databases that are created, kept and dropped here.
pub const OURS: [&str; 8] =
    ["staged", "previous", "failed", "discard", "scratch", "parked", "pristine", "init"];

/// A valid name for your own database: not one that the tool or the server creates by itself, or
/// that nobody can type.
///
/// # Errors
/// Why it is not valid.
pub fn is_nobodys(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a database can't have an empty name");
    }
    if name.trim() != name || name.contains(char::is_control) {
        return Err(
            "it has control characters, or blanks at its ends, which would be part of the name",
        );
    }
    if name.len() > LIMIT {
        return Err("it is longer than 63 bytes, PostgreSQL's limit for names");
    }

    if ["postgres", "template0", "template1"].contains(&name) {
        return Err("every server has one with that name, for itself");
    }
    match OURS.iter().find(|suffix| name.ends_with(&format!("__{suffix}"))) {
        Some(_) => Err("db-tasks creates and removes databases with such names by itself"),
        None => Ok(()),
    }
}

/// A name derived from `database`'s: `app` → `app__previous`.
pub fn beside(database: &str, suffix: &str) -> String {
    format!("{}__{suffix}", within(database, LIMIT - 2 - suffix.len()))
}

/// A name that the server does not truncate: two long ones may become the same.
pub fn fitting(name: &str) -> String {
    within(name, LIMIT)
}

/// A name of at most this many bytes: a long one gets a digest of what was cut off.
fn within(name: &str, room: usize) -> String {
    if name.len() <= room {
        return name.to_owned();
    }

    let digest = fnv(name.as_bytes());
    let mut end = room - 9;
    while !name.is_char_boundary(end) {
        end -= 1;
    }

    format!("{}_{digest:08x}", &name[..end])
}

/// The database that a restore or an undo left behind.
pub fn previous(database: &str) -> String {
    beside(database, "previous")
}

/// Whether a database has such a name: an undo swaps back only that one.
pub fn is_previous(database: &str) -> bool {
    database.ends_with("__previous")
}

/// Where a database is for the moment in which two change names.
pub fn parked(live: &str) -> String {
    beside(live, "parked")
}

/// How the name of a loader role begins: a server that refuses its login names it.
pub const LOADER: &str = "db_tasks_loader_";

/// FNV-1a, folded to 32 bits: the same on every machine and in every version, which std's hasher
/// does not promise.
pub(in crate::engine::postgres) fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_people_name_things() {
        assert_eq!(ident("my \"db\""), "\"my \"\"db\"\"\"");
        for (text, want) in [("it's", "'it''s'"), (r"a\b", r"E'a\\b'"), ("", "''")] {
            assert_eq!(literal(text), want);
        }
    }

    #[test]
    fn a_name_is_quoted_for_libpq_and_then_for_psql() {
        assert_eq!(connect("app"), "\\connect -reuse-previous=on \"dbname='app'\"\n");
        assert_eq!(
            connect(r#"it's "x""#),
            "\\connect -reuse-previous=on \"dbname='it\\'s \"\"x\"\"'\"\n"
        );
    }

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(ident("a\0b\n\\! x"), "\"a\u{fffd}b\n\\! x\"");
        assert_eq!(literal("a\0b"), "'a\u{fffd}b'");
        assert_eq!(connect("a\nb"), "\\connect -reuse-previous=on \"postgresql:///%61%0a%62\"\n");
        assert_eq!(block("x", " BEGIN END "), "DO $x$ BEGIN END $x$;\n");
        assert_eq!(block("x", " '$x$ $x_$' "), "DO $x__$ '$x$ $x_$' $x__$;\n");
    }

    #[test]
    fn names_beside_fit_and_stay_apart() {
        assert_eq!(previous("app"), "app__previous");
        let long = "é".repeat(31);
        let other = format!("{}x", "é".repeat(31));

        for name in [&long, &other] {
            assert!(
                previous(name).len() <= 63 && previous(name).ends_with("__previous"),
                "{}",
                previous(name)
            );
        }

        assert_ne!(previous(&long), previous(&other));
    }
}
