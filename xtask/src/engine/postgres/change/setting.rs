//! Settings of a database as SQL: names, and values that are lists.

use crate::cmd::{Cmd, UNSHOWN};
use crate::engine::postgres::client::Client;
use crate::engine::postgres::client::name::{block, ident, literal};
use crate::value::{DatabaseFacts, Setting};

/// Settings whose value is stored as a list of quoted names (`variable_is_guc_list_quote` in
/// pg_dump's `dumputils.c`).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Gives a database one of its settings.
pub fn given(database: &str, setting: &Setting) -> String {
    let db = ident(database);
    let whom = setting
        .role
        .as_ref()
        .map_or(format!("DATABASE {db}"), |role| format!("ROLE {} IN DATABASE {db}", ident(role)));

    format!(
        "ALTER {whom} SET {} TO {};\n",
        parameter(&setting.name),
        value(&setting.name, &setting.value)
    )
}

/// What [`trial`] answers if all of it succeeded.
pub const ALL: &str = "all of them";

/// Sets each of a database's settings once more, rolls that back, and answers which of them this
/// role may not set: those that a superuser or another role set, it can't copy to the new database.
pub fn trial(client: &Client, database: &DatabaseFacts) -> Cmd {
    let tried = database.settings.iter().map(|setting| {
        let of = setting.role.as_ref().map_or(String::new(), |role| format!(" of the role {role}"));
        let name = literal(&format!("{}{of}", setting.name));
        let given = given(&database.name, setting);
        format!(
            "  BEGIN\n    {given}  EXCEPTION WHEN insufficient_privilege THEN lacks := lacks || \
             {name}::text;\n  END;\n"
        )
    });

    let said = format!(
        "PERFORM set_config('dbtasks.lacks', coalesce('all but ' || nullif(array_to_string(lacks, \
         ', '), ''), '{ALL}'), true);"
    );
    let body = format!(
        "DECLARE\n  lacks text[] := '{{}}';\nBEGIN\n{}  {said}\nEND",
        tried.collect::<String>()
    );
    let tried = block("carries", &body);

    client.psql(
        client.maintenance(),
        format!("BEGIN;\n{tried}SELECT current_setting('dbtasks.lacks');\nROLLBACK;\n"),
    )
}

/// A parameter's name, part by part.
pub fn parameter(name: &str) -> String {
    name.split('.').map(ident).collect::<Vec<_>>().join(".")
}

/// A parameter's value. A list is quoted element by element, as pg_dump does
/// (`makeAlterConfigCommand`): quoted as a whole it would be one name, and unquoted it could be
/// anything.
pub fn value(name: &str, value: &str) -> String {
    let is_list = LISTS.iter().any(|list| list.eq_ignore_ascii_case(name));
    match elements(value).filter(|found| is_list && !found.is_empty()) {
        Some(elements) => {
            elements.iter().map(|element| unshown(element)).collect::<Vec<_>>().join(", ")
        }
        None => unshown(value),
    }
}

/// A literal that is never shown: applications keep keys and passwords in their own settings.
fn unshown(text: &str) -> String {
    // the mark must not end early
    let quoted = literal(text);
    let quoted = match quoted.strip_prefix('E') {
        _ if !quoted.contains("*/") => quoted,
        Some(rest) => format!("E{}", rest.replace("*/", r"\x2a/")),
        None => format!("E{}", quoted.replace("*/", r"\x2a/")),
    };
    format!("{}{quoted}{}", UNSHOWN[0], UNSHOWN[1])
}

/// The elements of a list, as the server splits it (`SplitGUCList`); `None` if it is not a list.
fn elements(list: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = list.trim_start();
    while !rest.is_empty() {
        let (element, after) = match rest.strip_prefix('"') {
            Some(quoted) => in_quotes(quoted)?,
            None => {
                let end = rest.find([',', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };

        found.push(element);
        rest = match after.trim_start().strip_prefix(',') {
            Some(more) if more.trim_start().is_empty() => return None,
            Some(more) => more.trim_start(),
            None if after.trim_start().is_empty() => "",
            None => return None,
        };
    }

    Some(found)
}

/// What comes before the closing quote, and what after it; a double quote is one in the name.
fn in_quotes(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (head, tail) = rest.split_once('"')?;
        name.push_str(head);
        match tail.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, tail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_quoted_element_by_element() {
        for (name, given, want) in [
            ("search_path", r#""$user", public"#, "'$user', 'public'"),
            ("Search_Path", r#"app,"it's ""x"" , y""#, r#"'app', 'it''s "x" , y'"#),
            ("search_path", r#""""#, "''"),
            ("search_path", "", "''"),
            (
                "search_path",
                "public;\n\\! touch x\nSELECT 1",
                "E'public;\n\\\\! touch x\nSELECT 1'",
            ),
            ("temp_tablespaces", "a,", "'a,'"),
            ("temp_tablespaces", "\"a", "'\"a'"),
            ("app.list", "a, b", "'a, b'"),
            ("work_mem", "4MB", "'4MB'"),
        ] {
            let bare = UNSHOWN.iter().fold(value(name, given), |text, mark| text.replace(mark, ""));
            assert_eq!(bare, want, "{name} {given}");
        }
    }

    #[test]
    fn a_value_is_not_shown() {
        use crate::cmd::shown_sql;

        for given in ["s3cret", "*/ s3cret /*", "/*to here*/ s3cret", "a\\b*/s3cret/*to here*/"] {
            assert_eq!(
                shown_sql(&format!("SET x TO {};", value("app.key", given))),
                "SET x TO ***;",
                "{given}"
            );
        }

        assert_eq!(shown_sql(&value("search_path", "a, b")), "***, ***");
    }

    #[test]
    fn a_parameters_name_is_quoted() {
        assert_eq!(parameter("app.jwt_secret"), "\"app\".\"jwt_secret\"");
        assert_eq!(parameter("x = 1;\n\\! y"), "\"x = 1;\n\\! y\"");
    }
}
