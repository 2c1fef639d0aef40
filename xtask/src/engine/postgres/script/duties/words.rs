//! The words of a statement that say whose duty it is.

use super::super::token::Token;
use super::{BETWEEN, Of, Owner, Part};
use crate::bytes;
use crate::value::Spare;

pub(super) fn part(token: Token, text: &[u8]) -> Part {
    match token {
        Token::Word => Part::Word(bytes::text(text)),
        Token::Name => Part::Name(bytes::text(text)),
        // an empty string does not count
        Token::Str if !text.is_empty() => Part::Name(bytes::text(text)),
        _ => Part::Other,
    }
}

/// Settings that decide how names and strings in later statements are read.
pub(super) fn tells_how_to_read(name: &str) -> bool {
    matches!(
        name,
        "search_path" | "schema" | "client_encoding" | "names" | "standard_conforming_strings"
    )
}

pub(super) fn first(word: &str) -> Option<Of> {
    Some(match word {
        "create" => Of::Create,
        "alter" => Of::Alter,
        "drop" => Of::Drop,
        "comment" | "security" => Of::Describe(false),
        "grant" | "revoke" => Of::Told(Spare::Handover),
        "set" | "reset" => Of::Set(Vec::new()),
        "select" => Of::Select(Vec::new()),
        _ => Of::Plain,
    })
}

pub(super) fn text_search(word: &str) -> Option<Of> {
    match word {
        "search" => None,
        "parser" | "template" => Some(Of::Barred("a parser or template of text search")),
        _ => Some(Of::Plain),
    }
}

pub(super) fn create(word: &str) -> Option<Of> {
    if BETWEEN.contains(&word) {
        return None;
    }

    Some(match word {
        "event" => Of::EventTrigger(Vec::new()),
        "subscription" => Of::Told(Spare::Handover),
        "publication" => Of::Publication(Vec::new()),
        "extension" => Of::Extension(Vec::new()),
        "schema" => Of::Schema(Vec::new()),
        "function" | "procedure" => Of::Function(false),
        "type" => Of::Type,
        "operator" => Of::Operator,
        "text" => Of::TextSearch,
        "cast" => Of::Cast(false),
        "foreign" => Of::Foreign,
        "materialized" => Of::MaterializedView,
        "language" => Of::Barred("a procedural language"),
        "access" => Of::Barred("an access method"),
        "transform" => Of::Barred("a transform"),
        _ => Of::Plain,
    })
}

/// A login trigger would run as a superuser whose next session only reads (PostgreSQL 17 and
/// later).
pub(super) fn event_trigger(parts: &[Part]) -> Option<Of> {
    let [_trigger, _name, _on, event] = parts else { return None };
    let at_login = matches!(event, Part::Word(event) | Part::Name(event) if event == "login");
    Some(if at_login {
        Of::Barred("an event trigger that runs on every login")
    } else {
        Of::Told(Spare::Last)
    })
}

pub(super) fn alter(word: &str) -> Option<Of> {
    Some(match word {
        "event" => Of::Told(Spare::Last),
        "default" | "subscription" => Of::Told(Spare::Handover),
        "publication" => Of::Publication(Vec::new()),
        _ => Of::Owner(Owner::default()),
    })
}

/// In a new database there is nothing to drop, except for what is created before the load.
pub(super) fn drop_of(word: &str) -> Option<Of> {
    Some(match word {
        "extension" | "schema" | "event" => Of::Told(Spare::Beforehand),
        _ => Of::Plain,
    })
}

pub(super) fn describe(on: &mut bool, word: &str) -> Option<Of> {
    if std::mem::replace(on, *on || word == "on") {
        return Some(Of::Told(if word == "event" { Spare::Last } else { Spare::Handover }));
    }
    None
}

/// `set_config`, by which pg_dump sets the search path.
pub(super) fn select(parts: &[Part]) -> Option<Of> {
    let is = |part: &Part, want: &str| matches!(part, Part::Word(word) if word == want);
    match parts {
        [first] if is(first, "pg_catalog") => None,
        [first, Part::Other] if is(first, "pg_catalog") => None,
        [.., last] if is(last, "set_config") => None,
        [.., name, Part::Other] if is(name, "set_config") => None,
        [.., name, Part::Other, Part::Name(setting)] if is(name, "set_config") => {
            Some(if tells_how_to_read(&setting.to_ascii_lowercase()) {
                Of::Told(Spare::Reading)
            } else {
                Of::Plain
            })
        }
        _ => Some(Of::Plain),
    }
}
