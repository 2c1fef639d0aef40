//! The parts of a dump that may need more than the loading role may do: other roles' objects and
//! rights, extensions, event triggers. Recognised from the words of each statement, to be compared
//! with the server beforehand, and left out if wanted.

use std::collections::BTreeSet;

use super::duties::Owner;
use super::token::Token;
use crate::bytes;
use crate::value::{Claim, Claims, LeftOut, Spare, Without};

/// Looks at one statement at a time, token by token.
#[derive(Default)]
pub(super) struct Watch {
    of: Of,
    depth: u64,
    /// The table that an ALTER's foreign key refers to.
    referred: Referred,
    pub(super) without: Without,
    pub(super) found: Claims,
    pub(super) left: LeftOut,
}

/// What is known of the current statement.
#[derive(Default)]
enum Of {
    #[default]
    Nothing,
    Create,
    Alter,
    /// An ALTER that may change an owner, and the owner's name.
    Owner(Owner, String),
    Rights(Roles),
    /// `ALTER DEFAULT PRIVILEGES`: whose, and for whom.
    Defaults {
        givers: Roles,
        grantees: Roles,
    },
    /// `SET` and `RESET`: how much of `SESSION AUTHORIZATION` was read, and what followed.
    Set(u8, Option<String>),
    /// `CREATE POLICY`, `USER MAPPING` and `SCHEMA`: the word that roles follow.
    Bound(&'static str, Roles),
    /// `CREATE EXTENSION`, and its name.
    Extension(Option<String>),
    /// `COMMENT`, and how much of `ON EXTENSION name` was read.
    Comment(u8),
    /// `COMMENT ON EXTENSION name`
    ExtensionsComment(String),
    EventTrigger(u64),
    Plain,
}

/// The name after REFERENCES, as far as it was read.
#[derive(Default)]
enum Referred {
    #[default]
    Nothing,
    /// Its next part comes, or it ends.
    Reading(Vec<String>),
    Read(Vec<String>),
}

impl Referred {
    fn take(&mut self, begins: bool, token: Token, text: &[u8]) {
        *self = match std::mem::take(self) {
            _ if begins => Self::Reading(Vec::new()),
            Self::Reading(mut parts) if matches!(token, Token::Word | Token::Name) => {
                parts.push(bytes::text(text));
                Self::Reading(parts)
            }
            Self::Reading(parts) if token == Token::Dot => Self::Reading(parts),
            Self::Reading(parts) => Self::Read(parts),
            other => other,
        };
    }

    fn table(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Reading(parts) | Self::Read(parts) => Some(parts.join(".")),
        }
    }
}

/// A list of roles, after the word that begins it.
#[derive(Default)]
struct Roles {
    at: List,
    names: BTreeSet<String>,
}

#[derive(Default, PartialEq, Eq)]
enum List {
    #[default]
    Outside,
    Wants,
    Has,
}

/// Words in place of a role that name none, or the loading one.
const NO_ROLES: [&str; 5] = ["public", "current_user", "current_role", "session_user", "default"];

/// Words between CREATE and what is created.
const BETWEEN: [&str; 5] = ["or", "replace", "if", "not", "exists"];

impl Roles {
    fn take(&mut self, begins: bool, token: Token, text: &[u8]) {
        let named = matches!(token, Token::Word | Token::Name | Token::Str);
        self.at = match self.at {
            _ if begins => List::Wants,
            List::Wants if token == Token::Word && text == b"group" => List::Wants,
            List::Wants if named => {
                self.names.extend(role(token, text));
                List::Has
            }
            List::Has if token == Token::Symbol(b',') => List::Wants,
            _ => List::Outside,
        };
    }
}

fn role(token: Token, text: &[u8]) -> Option<String> {
    let name = bytes::text(text);
    (token != Token::Word || !NO_ROLES.contains(&name.as_str())).then_some(name)
}

impl Watch {
    /// Whether the rest does not matter.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.of, Of::Plain)
    }

    /// Whether it may still be left out.
    pub(super) fn may_be_spared(&self) -> bool {
        self.without != Without::default() && !matches!(self.of, Of::Plain | Of::Bound(..))
    }

    pub(super) fn token(&mut self, token: Token, text: &[u8]) {
        let depth = self.depth;
        match token {
            Token::Open => self.depth += 1,
            Token::Close => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }

        if let Some(next) = self.next(token, text, depth) {
            self.of = next;
        }
    }

    /// What the statement turns out to be with this token, which stands at this depth.
    fn next(&mut self, token: Token, text: &[u8], depth: u64) -> Option<Of> {
        let word =
            if token == Token::Word { std::str::from_utf8(text).unwrap_or_default() } else { "" };
        let is = |wanted: &[&str]| depth == 0 && wanted.contains(&word);
        let named = matches!(token, Token::Word | Token::Name);

        if matches!(self.of, Of::Owner(..)) {
            self.referred.take(is(&["references"]), token, text);
        }

        match &mut self.of {
            Of::Nothing => Some(first(word)),
            Of::Create => created(word),
            Of::Alter => Some(altered(word)),
            Of::Owner(owner, role) => {
                owner.take(token, word, self.depth);
                if *owner == Owner::Role && named {
                    *role = bytes::text(text);
                }
                None
            }
            Of::Rights(roles) => {
                roles.take(is(&["to", "from"]), token, text);
                None
            }
            Of::Defaults { givers, grantees } => {
                givers.take(is(&["role", "user"]), token, text);
                grantees.take(is(&["to", "from"]), token, text);
                None
            }
            Of::Set(read, role) => set(read, role, token, text),
            Of::Bound(begins, roles) => {
                roles.take(depth == 0 && word == *begins, token, text);
                None
            }
            Of::Extension(name) => {
                if name.is_none() && named && !BETWEEN.contains(&word) {
                    *name = Some(bytes::text(text));
                }
                None
            }
            Of::Comment(read) => comment(read, token, text, word),
            Of::ExtensionsComment(_) | Of::EventTrigger(_) | Of::Plain => None,
        }
    }

    /// The statement does not matter.
    pub(super) fn forget(&mut self) {
        (self.of, self.depth, self.referred) = (Of::Nothing, 0, Referred::Nothing);
    }

    /// The statement ends: how it counts if it is left out.
    pub(super) fn end(&mut self) -> Option<Spare> {
        self.depth = 0;
        let referred = std::mem::take(&mut self.referred).table();
        if referred.is_some_and(|table| self.without.emptied.contains(&table)) {
            self.of = Of::Nothing;
            self.left.references += 1;
            return Some(Spare::Reference);
        }

        match std::mem::take(&mut self.of) {
            Of::Owner(Owner::Role, role) => {
                // this means the loading role, or one whose rights it has
                let other = Some(role).filter(|role| !NO_ROLES.contains(&role.as_str()));
                if let Some(role) = &other {
                    *self.found.owners.entry(role.clone()).or_default() += 1;
                }
                self.owner(other, 1)
            }
            Of::Set(2, role) => {
                self.found.assumed.extend(role.clone());
                self.owner(role, 0)
            }
            Of::Rights(roles) => self.right(&roles.names),
            Of::Defaults { givers, grantees } => {
                self.found.givers.extend(givers.names.iter().cloned());
                let spare = self.right(&grantees.names);
                if spare.is_some() {
                    self.left.roles.extend(givers.names);
                }
                spare
            }
            Of::Bound(_, roles) => {
                self.found.bound.extend(roles.names);
                None
            }
            Of::Extension(Some(name)) => {
                self.found.extensions.insert(name.clone());
                let left = self.without.extensions.contains(&name);
                left.then(|| self.left.extensions.insert(name)).map(|_| Spare::Extension)
            }
            Of::ExtensionsComment(name) => self.extensions_comment(name),
            Of::EventTrigger(made) => {
                self.found.event_triggers += made;
                let left = self.without.claims.contains(&Claim::EventTriggers);
                left.then(|| self.left.event_triggers += made).map(|()| Spare::EventTrigger)
            }
            _ => None,
        }
    }

    fn extensions_comment(&mut self, name: String) -> Option<Spare> {
        if self.without.extensions.contains(&name) {
            return Some(Spare::Extension);
        }
        let left = self.without.comments.contains(&name);
        left.then(|| self.left.comments.insert(name)).map(|_| Spare::Extension)
    }

    fn owner(&mut self, role: Option<String>, given: u64) -> Option<Spare> {
        self.without.claims.contains(&Claim::Owners).then(|| {
            self.left.owners += given;
            self.left.roles.extend(role);
            Spare::Owner
        })
    }

    fn right(&mut self, roles: &BTreeSet<String>) -> Option<Spare> {
        roles.iter().for_each(|role| *self.found.grantees.entry(role.clone()).or_default() += 1);
        self.without.claims.contains(&Claim::Rights).then(|| {
            self.left.rights += 1;
            self.left.roles.extend(roles.iter().cloned());
            Spare::Right
        })
    }
}

fn first(word: &str) -> Of {
    match word {
        "create" => Of::Create,
        "alter" => Of::Alter,
        "grant" | "revoke" => Of::Rights(Roles::default()),
        "set" | "reset" => Of::Set(0, None),
        "comment" => Of::Comment(0),
        _ => Of::Plain,
    }
}

fn created(word: &str) -> Option<Of> {
    Some(match word {
        "or" | "replace" => return None,
        "extension" => Of::Extension(None),
        "event" => Of::EventTrigger(1),
        "policy" => Of::Bound("to", Roles::default()),
        "user" => Of::Bound("for", Roles::default()),
        "schema" => Of::Bound("authorization", Roles::default()),
        _ => Of::Plain,
    })
}

fn altered(word: &str) -> Of {
    match word {
        "event" => Of::EventTrigger(0),
        "default" => Of::Defaults { givers: Roles::default(), grantees: Roles::default() },
        _ => Of::Owner(Owner::default(), String::new()),
    }
}

fn set(read: &mut u8, role: &mut Option<String>, token: Token, text: &[u8]) -> Option<Of> {
    match (*read, token, text) {
        (0, Token::Word, b"session") | (1, Token::Word, b"authorization") => *read += 1,
        (2, Token::Word | Token::Name | Token::Str, _) => *role = self::role(token, text),
        (2, ..) => {}
        _ => return Some(Of::Plain),
    }
    None
}

fn comment(read: &mut u8, token: Token, text: &[u8], word: &str) -> Option<Of> {
    match (*read, word) {
        (0, "on") | (1, "extension") => *read += 1,
        (1, "event") => return Some(Of::EventTrigger(0)),
        (2, _) if matches!(token, Token::Word | Token::Name) => {
            return Some(Of::ExtensionsComment(bytes::text(text)));
        }
        _ => return Some(Of::Plain),
    }

    None
}
