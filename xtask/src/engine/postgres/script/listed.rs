//! The allow-list: the statements that pg_dump writes, in versions 10 to 18 and with any of its
//! flags ([`super::database`] checks what `--create` adds): `pg_dump.c`, `dumputils.c` and
//! `pg_backup_archiver.c` of <https://github.com/postgres/postgres/tree/master/src/bin/pg_dump>.
//! Anything else in a file is refused. Expressions within a definition (defaults, views, indexes)
//! are not checked: they run as the role that loads them.

mod heads;
mod literals;
mod rows;
mod select;
mod set;

use self::heads::{Head, Rest};
pub(super) use self::heads::{OF_DATABASES, OnDatabase};
use self::rows::{CopyRule, InsertRule};
use self::select::SelectRule;
use self::set::SetRule;
use super::token::Token;

/// Why a statement is refused.
pub(super) type Why = &'static str;

/// Checks one statement at a time, token by token.
pub(super) struct List {
    state: State,
    depth: u64,
}

enum State {
    Begin,
    Head(Head),
    Rest(Rest),
    Set(SetRule),
    Select(SelectRule),
    Insert(InsertRule),
    Copy(CopyRule),
    /// `RESET SESSION AUTHORIZATION`, which ends what is granted in another role's name
    /// (`buildACLCommands` in `dumputils.c`); how much of it was read.
    Reset(usize),
    /// `BEGIN`, `COMMIT` and the like are checked elsewhere: see [`super::Spare::Transaction`].
    Transaction,
    Refused(Why),
}

impl List {
    pub(super) fn new() -> Self {
        List { state: State::Begin, depth: 0 }
    }

    /// Whether words, names and strings do not matter here.
    pub(super) fn is_quiet(&self) -> bool {
        match &self.state {
            State::Refused(_) | State::Transaction => true,
            State::Rest(rest) => rest.is_quiet(),
            _ => false,
        }
    }

    /// Whether the statement is refused already.
    pub(super) fn refuses(&self) -> bool {
        matches!(self.state, State::Refused(_))
    }

    /// What the statement does with a database, if that is what it does.
    pub(super) fn on_database(&self) -> Option<OnDatabase> {
        if let State::Rest(Rest::Database(what)) = self.state { Some(what) } else { None }
    }

    /// Whether the statement may be one on a database.
    pub(super) fn may_be_on_database(&self) -> bool {
        matches!(self.state, State::Head(_) | State::Rest(Rest::Database(_)))
    }

    /// Takes the next token of the statement.
    #[inline]
    pub(super) fn token(&mut self, token: Token, text: &[u8]) {
        match token {
            Token::Open => self.depth += 1,
            Token::Close => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }

        let refused = match &mut self.state {
            State::Begin => {
                self.state = begun(token, text);
                None
            }
            State::Head(head) => match head.token(token, text) {
                Ok(Some(rest)) => {
                    self.state = State::Rest(rest);
                    None
                }
                Ok(None) => None,
                Err(why) => Some(why),
            },
            State::Rest(rest) => rest.token(token, text, self.depth).err(),
            State::Set(rule) => rule.token(token, text).err(),
            State::Select(rule) => rule.token(token, text).err(),
            State::Insert(rule) => rule.token(token, text).err(),
            State::Copy(rule) => rule.token(token, text).err(),
            State::Reset(at) => {
                let fits = token == Token::Word && RESET.get(*at) == Some(&text);
                *at += 1;
                (!fits).then_some(UNKNOWN)
            }
            State::Transaction | State::Refused(_) => None,
        };

        if let Some(why) = refused {
            self.state = State::Refused(why);
        }
    }

    /// The statement ends: a reason if it is not on the allow-list.
    pub(super) fn end(&mut self) -> Option<Why> {
        self.depth = 0;
        match std::mem::replace(&mut self.state, State::Begin) {
            State::Begin | State::Transaction => None,
            State::Refused(why) => Some(why),
            State::Head(head) => Some(head.unfinished()),
            State::Rest(rest) => rest.end().err(),
            State::Set(rule) => rule.end().err(),
            State::Select(rule) => rule.end().err(),
            State::Insert(rule) => rule.end().err(),
            State::Copy(rule) => rule.end().err(),
            State::Reset(at) => (at != RESET.len()).then_some(UNKNOWN),
        }
    }
}

fn begun(token: Token, text: &[u8]) -> State {
    if token != Token::Word {
        return State::Refused(UNKNOWN);
    }

    match text {
        b"insert" => State::Insert(InsertRule::default()),
        b"copy" => State::Copy(CopyRule::default()),
        b"select" => State::Select(SelectRule::default()),
        b"set" => State::Set(SetRule::default()),
        b"reset" => State::Reset(0),
        b"begin" | b"commit" | b"end" | b"start" | b"rollback" | b"abort" | b"savepoint"
        | b"release" => State::Transaction,
        _ => Head::of(text).map_or(State::Refused(UNKNOWN), State::Head),
    }
}

const RESET: [&[u8]; 2] = [b"session", b"authorization"];
const UNKNOWN: Why = "pg_dump never writes such a statement";
