//! Names and literals in SQL, and the names that stand beside a database's own.

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

/// A line ends for psql where a NUL stands in it, closing quote and all: what comes on the next
/// line would stand outside of them. No name or text of a server holds one, so that nothing is
/// found by what stands in its place.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A block of PL/pgSQL, in quotes that nothing in it can close: names and comments are in it, which
/// anybody may have given.
pub fn block(tag: &str, body: &str) -> String {
    let mut tag = tag.to_owned();
    while body.contains(&format!("${tag}$")) {
        tag.push('_');
    }
    format!("DO ${tag}${body}${tag}$;\n")
}

/// psql's command to go on in another database of the same server: as a conninfo string, in which
/// no name is taken for one itself. Its argument ends with the line, so that a name with a line
/// break in it is written as a URI, where nothing stands for itself. <https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-META-COMMAND-C>
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

/// NAMEDATALEN - 1: the server cuts longer names without an error.
pub const LIMIT: usize = 63;

/// What stands behind `__` in the names of databases that are made, kept and dropped here.
pub const OURS: [&str; 8] =
    ["staged", "previous", "failed", "discard", "scratch", "parked", "pristine", "init"];

/// A name for a database of a person's: one that the tool or the server makes by itself, or that
/// nobody can type, is none.
///
/// # Errors
/// Why it is none.
pub fn is_nobodys(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("no database can have an empty name");
    }
    if name.trim() != name || name.contains(char::is_control) {
        return Err("blanks at its ends and control characters would be part of the name");
    }
    if name.len() > LIMIT {
        return Err("PostgreSQL takes 63 bytes of a name");
    }

    if ["postgres", "template0", "template1"].contains(&name) {
        return Err("every server has one of that name, for itself");
    }
    match OURS.iter().find(|suffix| name.ends_with(&format!("__{suffix}"))) {
        Some(_) => Err("db-tasks makes and removes databases of such names by itself"),
        None => Ok(()),
    }
}

/// A name beside `database`'s: `app` → `app__previous`.
pub fn beside(database: &str, suffix: &str) -> String {
    format!("{}__{suffix}", within(database, LIMIT - 2 - suffix.len()))
}

/// A name that the server does not cut: two long ones may be the same when it has.
pub fn fitting(name: &str) -> String {
    within(name, LIMIT)
}

/// A name of so many bytes at most: a long one keeps a digest of what was cut away.
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

/// Whether a database bears such a name: an undo swaps it back, and no other.
pub fn is_previous(database: &str) -> bool {
    database.ends_with("__previous")
}

/// Where a database is for the moment in which two change names.
pub fn parked(live: &str) -> String {
    beside(live, "parked")
}

/// FNV-1a, folded to 32 bits: the same on every machine and in every version, which std's hasher
/// does not promise.
pub(super) fn fnv(bytes: &[u8]) -> u32 {
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
