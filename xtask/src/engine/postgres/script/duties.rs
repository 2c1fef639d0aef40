//! The parts of a dump that a role without superuser rights can't do, recognised by the first words
//! of each statement. Extensions and schemas are created before the loader role; owners, rights,
//! comments, subscriptions and event triggers are set afterwards, by the role that made it. None of
//! these runs code of the file's author
//! (<https://www.postgresql.org/docs/current/role-attributes.html>, and the notes of each command),
//! except for event triggers, which come last of all.

mod words;

use self::words::{
    alter, create, describe, drop_of, event_trigger, first, part, select, tells_how_to_read,
    text_search,
};
use super::report::{Definition, Obstacle};
use super::token::Token;
use crate::value::Spare;

/// Looks at one statement at a time, token by token.
#[derive(Default)]
pub(super) struct Duties {
    of: Of,
    depth: u64,
    /// `SET SESSION AUTHORIZATION` is in force, which pg_dump writes around rights that somebody
    /// else granted.
    assumed: bool,
    pub(super) definitions: Vec<Definition>,
    pub(super) obstacle: Option<Obstacle>,
}

/// What is known of the current statement.
#[derive(Default)]
enum Of {
    #[default]
    Nothing,
    Create,
    Alter,
    Drop,
    /// `COMMENT` and `SECURITY LABEL`; whether ON was read, which the kind follows.
    Describe(bool),
    /// An ALTER that may change an owner.
    Owner(Owner),
    /// `CREATE EXTENSION IF NOT EXISTS name WITH SCHEMA schema`.
    Extension(Vec<Part>),
    Schema(Vec<Part>),
    /// `CREATE EVENT TRIGGER name ON event`.
    EventTrigger(Vec<Part>),
    /// `CREATE` and `ALTER PUBLICATION`. After WHERE come expressions, which may call the file's
    /// functions: only what has none and needs a superuser is run by our role.
    Publication(Vec<Part>),
    /// `CREATE FUNCTION` and `PROCEDURE`; whether LANGUAGE was read, which its language follows.
    Function(bool),
    /// `CREATE TYPE`: a base type's parentheses come without AS.
    Type,
    Operator,
    TextSearch,
    /// `CREATE CAST`; whether WITHOUT was read.
    Cast(bool),
    Foreign,
    MaterializedView,
    Set(Vec<Part>),
    Select(Vec<Part>),
    /// The loader role runs it.
    Plain,
    /// Our own role runs it.
    Told(Spare),
    /// No loader role may run it.
    Barred(&'static str),
}

/// A word or name, or anything else that is not part of one.
#[derive(Clone, PartialEq, Eq)]
enum Part {
    Word(String),
    Name(String),
    Other,
}

/// `ALTER … OWNER TO role`, and nothing else: another action with it (`ALTER COLUMN … USING f()`)
/// would run as the role that sets the owner.
#[derive(Default, PartialEq, Eq)]
pub(super) enum Owner {
    #[default]
    Unsaid,
    Word,
    To,
    Role,
    Never,
}

/// Words between CREATE and what is created.
const BETWEEN: [&str; 8] =
    ["or", "replace", "trusted", "procedural", "unlogged", "constraint", "default", "unique"];

impl Duties {
    /// Whether the rest does not matter.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.of, Of::Plain | Of::MaterializedView | Of::Told(_) | Of::Barred(_))
    }

    /// Whether it may still turn out to be for our own role.
    pub(super) fn may_be_spared(&self) -> bool {
        !matches!(
            self.of,
            Of::Plain
                | Of::MaterializedView
                | Of::Barred(_)
                | Of::Function(_)
                | Of::Type
                | Of::Operator
                | Of::TextSearch
                | Of::Cast(_)
        )
    }

    pub(super) fn token(&mut self, token: Token, text: &[u8]) {
        match token {
            Token::Open => self.depth += 1,
            Token::Close => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }

        if let Some(next) = self.next(token, text) {
            self.of = next;
        }
    }

    /// What the statement turns out to be with this token, if that changes.
    fn next(&mut self, token: Token, text: &[u8]) -> Option<Of> {
        let part = part(token, text);
        let word = if let Part::Word(word) = &part { word.as_str() } else { "" };

        match &mut self.of {
            Of::Nothing => first(word),
            Of::Create => create(word),
            Of::Alter => alter(word),
            Of::Drop => drop_of(word),
            Of::Describe(on) => describe(on, word),
            Of::Owner(owner) => {
                owner.take(token, word, self.depth);
                None
            }
            Of::Extension(parts) | Of::Schema(parts) | Of::Publication(parts) | Of::Set(parts) => {
                parts.push(part);
                None
            }
            Of::EventTrigger(parts) => {
                parts.push(part);
                event_trigger(parts)
            }
            Of::Function(after_language) => {
                let acts = self.depth == 0 && word == "definer";
                if acts && !self.definitions.contains(&Definition::ActsAsOwner) {
                    self.definitions.push(Definition::ActsAsOwner);
                }
                function(after_language, token, text, word, self.depth)
            }
            Of::Type if word == "as" => Some(Of::Plain),
            Of::Type => (token == Token::Open).then_some(Of::Barred("a base type")),
            Of::Operator => Some(match word {
                "class" | "family" => Of::Barred("an operator class or family"),
                _ => Of::Plain,
            }),
            Of::TextSearch => text_search(word),
            Of::Cast(without) => {
                let after = std::mem::replace(without, word == "without");
                (after && word == "function").then_some(Of::Barred("a cast without a function"))
            }
            Of::Foreign => {
                Some(if word == "data" { Of::Barred("a foreign-data wrapper") } else { Of::Plain })
            }
            Of::Select(parts) => {
                parts.push(part);
                select(parts)
            }
            Of::Plain | Of::MaterializedView | Of::Told(_) | Of::Barred(_) => None,
        }
    }

    /// The statement that began on `line` ends: who runs it, if not the loader role.
    pub(super) fn end(&mut self, line: u64) -> Option<Spare> {
        self.depth = 0;
        let mut bar = None;

        let told = match std::mem::take(&mut self.of) {
            Of::Owner(Owner::Role) => Some(Spare::Handover),
            Of::Told(what) => Some(what),
            Of::Barred(why) => {
                bar = Some(why);
                None
            }
            Of::Extension(parts) => self.made(extension(&parts), &mut bar),
            Of::Schema(parts) => self.made(schema(&parts), &mut bar),
            Of::Set(parts) => self.set(&parts, &mut bar),
            Of::Publication(parts) => publication(&parts),
            Of::MaterializedView => {
                self.definitions.push(Definition::MaterializedView);
                None
            }
            _ => None,
        };

        let is_its_own = !matches!(told, Some(Spare::Handover | Spare::Last | Spare::Reading));
        if self.assumed && is_its_own {
            bar = bar.or(Some("something created as another role (`SET SESSION AUTHORIZATION`)"));
        }
        if let Some(what) = bar {
            self.obstacle.get_or_insert(Obstacle { line, what });
        }

        told
    }

    /// The statement is left out: nobody runs it.
    pub(super) fn forget(&mut self) {
        (self.of, self.depth) = (Of::Nothing, 0);
    }

    fn made(
        &mut self,
        definition: Option<Definition>,
        bar: &mut Option<&'static str>,
    ) -> Option<Spare> {
        let Some(definition) = definition else {
            *bar = Some("an extension or a schema that is created differently from pg_dump's way");
            return None;
        };
        self.definitions.push(definition);
        Some(Spare::Beforehand)
    }

    fn set(&mut self, parts: &[Part], bar: &mut Option<&'static str>) -> Option<Spare> {
        let words: Vec<&str> = parts
            .iter()
            .map(|p| if let Part::Word(word) = p { word.as_str() } else { "" })
            .collect();
        match words.as_slice() {
            ["session", "authorization", rest @ ..] => {
                self.assumed = !matches!(rest, [] | ["default"]);
                Some(Spare::Handover)
            }
            ["role", ..] => {
                *bar = Some("a change of role (`SET ROLE`)");
                None
            }
            ["default_tablespace", ..]
                if parts.last().is_some_and(|p| matches!(p, Part::Word(_) | Part::Name(_))) =>
            {
                *bar = Some("a tablespace");
                None
            }
            [name, ..] => tells_how_to_read(name).then_some(Spare::Reading),
            [] => None,
        }
    }
}

impl Owner {
    pub(super) fn take(&mut self, token: Token, word: &str, depth: u64) {
        let named = matches!(token, Token::Word | Token::Name);
        *self = match (&self, word) {
            (Self::Never, _) => Self::Never,
            // a comma: another action
            _ if depth == 0 && token == Token::Symbol(b',') => Self::Never,
            (Self::Role, _) => Self::Never,
            (Self::To, _) if named => Self::Role,
            (Self::To, _) => Self::Never,
            (Self::Word, "to") => Self::To,
            (_, "owner") if depth == 0 => Self::Word,
            _ => Self::Unsaid,
        };
    }
}

fn extension(parts: &[Part]) -> Option<Definition> {
    let (name, rest) = without(parts, &["if", "not", "exists"]).split_first()?;
    let schema = match rest {
        [] => None,
        [with, word, schema] if is_word(with, "with") && is_word(word, "schema") => {
            Some(named(schema)?)
        }
        _ => return None,
    };
    Some(Definition::Extension { name: named(name)?, schema })
}

fn schema(parts: &[Part]) -> Option<Definition> {
    let [name] = without(parts, &["if", "not", "exists"]) else { return None };
    Some(Definition::Schema { name: named(name)? })
}

/// `p FOR ALL TABLES …`, `p ADD TABLES IN SCHEMA s`, `p OWNER TO role`.
fn publication(parts: &[Part]) -> Option<Spare> {
    let words: Vec<&str> = parts
        .iter()
        .map(|part| if let Part::Word(word) = part { word.as_str() } else { "" })
        .collect();
    let theirs = match words.as_slice() {
        [_, "for", "all", "tables"] => true,
        [_, "for", "all", "tables", "with", rest @ ..] => !rest.contains(&"where"),
        [_, "add", "tables", "in", "schema", _] | [_, "owner", "to", _] => true,
        _ => false,
    };
    theirs.then_some(Spare::Handover)
}

/// Without these words if they come first.
fn without<'a>(parts: &'a [Part], words: &[&str]) -> &'a [Part] {
    let stand = parts.len() >= words.len()
        && parts.iter().zip(words).all(|(part, word)| is_word(part, word));
    if stand { &parts[words.len()..] } else { parts }
}

fn is_word(part: &Part, want: &str) -> bool {
    matches!(part, Part::Word(word) if word == want)
}

fn named(part: &Part) -> Option<String> {
    match part {
        Part::Word(name) | Part::Name(name) => Some(name.clone()),
        Part::Other => None,
    }
}

fn function(
    after_language: &mut bool,
    token: Token,
    text: &[u8],
    word: &str,
    depth: u64,
) -> Option<Of> {
    let named = matches!(token, Token::Word | Token::Name | Token::Str);
    let language = std::mem::replace(after_language, depth == 0 && word == "language");
    if language
        && named
        && (text.eq_ignore_ascii_case(b"c") || text.eq_ignore_ascii_case(b"internal"))
    {
        return Some(Of::Barred("a function in C"));
    }

    match word {
        "leakproof" if depth == 0 => Some(Of::Barred("a leakproof function")),
        "support" if depth == 0 => Some(Of::Barred("a function with a planner's support function")),
        _ => None,
    }
}
