//! What a statement does, as far as the scanner must know: recognised from its words as they pass,
//! so that no statement is ever held in memory.

use super::begin::BeginBlock;
use super::copy_statement::Copy;
use super::name::TableName;
use super::token::Token;

/// The statement being read.
pub(super) struct Statement {
    pub(super) depth: u64,
    pub(super) name: TableName,
    /// The table that [`Alter`] attaches `name` to.
    pub(super) parent: TableName,
    pub(super) kind: Kind,
    pub(super) value: Vec<u8>,
    begin: BeginBlock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Empty,
    Create(Create),
    Alter(Alter),
    Copy(Copy),
    Insert(Insert),
    Set(Set),
    Select(Select),
    /// `BEGIN` or `COMMIT`, which is `END`, with no more words.
    Bound,
    /// `PREPARE`, and nothing else so far.
    Prepare,
    /// Whatever else begins or ends a transaction, or a part of one.
    Transaction,
    Other,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Create {
    table: bool,
    if_not_exists: bool,
    after_partition: bool,
    /// `PARTITION OF`: the parent's name comes next.
    part_of: bool,
    pub(super) partitioned: bool,
    pub(super) from_query: bool,
}

/// `ALTER TABLE [ONLY] name ATTACH PARTITION partition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alter {
    Start,
    Table,
    Attach,
    Partition,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Insert {
    into: bool,
    values: bool,
    default: bool,
    done: bool,
    pub(super) rows: u64,
    inexact: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) key: Option<Setting>,
    pub(super) local: bool,
    /// RESET and DISCARD, which take no value.
    pub(super) reset: bool,
    valued: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    ConformingStrings,
    ClientEncoding,
    SearchPath,
    TransactionTimeout,
    DefaultTablespace,
    All,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Select {
    Function,
    SetConfig(Option<Setting>),
    CreateLargeObject,
}

impl Statement {
    pub(super) fn new() -> Self {
        Statement {
            depth: 0,
            name: TableName::default(),
            parent: TableName::default(),
            kind: Kind::Empty,
            value: Vec::new(),
            begin: BeginBlock::default(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.name.clear();
        self.parent.clear();
        self.value.clear();
        self.kind = Kind::Empty;
        self.begin.words = 0;
        self.begin.after_semicolon = false;
    }

    /// Whether words, names and strings do not matter here.
    pub(super) fn is_quiet(&self) -> bool {
        let inside = match self.kind {
            Kind::Transaction | Kind::Other => true,
            Kind::Create(_) | Kind::Insert(_) => self.depth > 0,
            _ => false,
        };
        inside && !self.begin.watches()
    }

    /// Whether a `;` here ends the statement.
    pub(super) fn ends(&mut self) -> bool {
        self.begin.after_semicolon = true;
        self.depth == 0 && self.begin.depth == 0
    }

    /// Whether it may be one that psql has to skip.
    pub(super) fn may_be_spared(&self) -> bool {
        match self.kind {
            Kind::Empty | Kind::Bound => true,
            Kind::Set(set) => matches!(
                set.key,
                None | Some(Setting::TransactionTimeout | Setting::DefaultTablespace)
            ),
            _ => false,
        }
    }

    /// Takes the next token; a reason if this statement is unclear.
    pub(super) fn token(&mut self, token: Token, text: &[u8]) -> Option<&'static str> {
        let nested = self.depth > 0;

        match token {
            Token::Open => self.depth += 1,
            Token::Close => self.depth = self.depth.saturating_sub(1),
            Token::Word => {
                let inner = std::mem::take(&mut self.begin.after_semicolon);
                self.begin.word(text, nested);
                if inner && text == b"copy" && self.kind != Kind::Empty {
                    return Some("COPY inside another statement");
                }
            }
            _ => {}
        }

        match self.kind {
            Kind::Empty => self.kind = first(token, text),
            Kind::Create(create) => self.create(create, token, text, nested),
            Kind::Alter(alter) => self.alter(alter, token, text),
            Kind::Copy(copy) => self.copy(copy, token, text, nested),
            Kind::Insert(insert) => self.insert(insert, token, text, nested),
            Kind::Set(set) => self.set(set, token, text),
            Kind::Select(select) => self.select(select, token, text),
            Kind::Bound => self.kind = Kind::Transaction,
            Kind::Prepare => {
                let ends = token == Token::Word && text == b"transaction";
                self.kind = if ends { Kind::Transaction } else { Kind::Other };
            }
            Kind::Transaction | Kind::Other => {}
        }

        None
    }

    /// Takes a token that is part of the name; false for any other.
    pub(super) fn names(&mut self, token: Token, text: &[u8]) -> bool {
        self.name.takes(token, text)
    }

    fn create(&mut self, mut create: Create, token: Token, text: &[u8], nested: bool) {
        if nested {
            return;
        }

        if !create.table {
            self.kind = match text {
                _ if token != Token::Word => Kind::Other,
                b"table" => Kind::Create(Create { table: true, ..create }),
                b"unlogged" => self.kind,
                _ => Kind::Other,
            };
            return;
        }

        let word = if token == Token::Word { text } else { b"" };
        match word {
            _ if create.part_of => create.part_of = self.parent.takes(token, text),
            b"of" if create.after_partition => create.part_of = true,
            b"if" if self.name.is_empty() => create.if_not_exists = true,
            b"not" | b"exists" if create.if_not_exists && self.name.is_empty() => {}
            _ if self.names(token, text) => {}
            b"as" => create.from_query = true,
            b"by" if create.after_partition => create.partitioned = true,
            _ => {}
        }

        create.after_partition = word == b"partition";
        self.kind = Kind::Create(create);
    }

    fn alter(&mut self, alter: Alter, token: Token, text: &[u8]) {
        let word = if token == Token::Word { text } else { b"" };
        self.kind = match (alter, word) {
            (Alter::Start, b"table") => Kind::Alter(Alter::Table),
            (Alter::Table, b"only") if self.name.is_empty() => self.kind,
            (Alter::Table, _) if self.names(token, text) => self.kind,
            (Alter::Table, b"attach") => Kind::Alter(Alter::Attach),
            (Alter::Attach, b"partition") => {
                std::mem::swap(&mut self.name, &mut self.parent);
                Kind::Alter(Alter::Partition)
            }
            (Alter::Partition, _) => {
                self.names(token, text);
                self.kind
            }
            _ => Kind::Other,
        };
    }

    fn insert(&mut self, mut insert: Insert, token: Token, text: &[u8], nested: bool) {
        if nested {
            return;
        }

        let word = if token == Token::Word { text } else { b"" };
        match word {
            _ if insert.done => return,
            _ if insert.values && token == Token::Open => insert.rows += 1,
            b"on" if insert.values => (insert.inexact, insert.done) = (true, true),
            b"returning" if insert.values => insert.done = true,
            _ if insert.values => return,
            b"into" if !insert.into => insert.into = true,
            _ if insert.into && self.names(token, text) => {}
            b"default" => insert.default = true,
            b"select" | b"with" | b"table" => (insert.inexact, insert.done) = (true, true),
            b"values" => {
                insert.values = true;
                insert.rows = u64::from(insert.default);
            }
            _ => {}
        }

        self.kind = Kind::Insert(insert);
    }

    fn set(&mut self, mut set: Set, token: Token, text: &[u8]) {
        if set.key.is_none() {
            match (token, text) {
                (Token::Word, b"session") => {}
                (Token::Word, b"local") => set.local = true,
                _ => set.key = Some(setting(text)),
            }
        } else if !(set.valued || token == Token::Word && text == b"to") {
            set.valued = true;
            self.value.extend_from_slice(text);
        }

        self.kind = Kind::Set(set);
    }

    fn select(&mut self, select: Select, token: Token, text: &[u8]) {
        self.kind = match (select, token, text) {
            (Select::Function, Token::Word, b"pg_catalog") => self.kind,
            (Select::Function, Token::Dot, _) => self.kind,
            (Select::Function, Token::Word, b"lo_create" | b"lo_creat") => {
                Kind::Select(Select::CreateLargeObject)
            }
            (Select::Function, Token::Word, b"set_config") => Kind::Select(Select::SetConfig(None)),
            (Select::Function, ..) => Kind::Other,
            (Select::SetConfig(None), Token::Str, _) => {
                let key = text.to_ascii_lowercase();
                Kind::Select(Select::SetConfig(Some(setting(&key))))
            }
            (Select::SetConfig(Some(key)), Token::Str, _) => {
                self.value.extend_from_slice(text);
                Kind::Set(Set { key: Some(key), valued: true, ..Set::default() })
            }
            _ => self.kind,
        };
    }
}

fn first(token: Token, text: &[u8]) -> Kind {
    match text {
        _ if token != Token::Word => Kind::Other,
        b"create" => Kind::Create(Create::default()),
        b"alter" => Kind::Alter(Alter::Start),
        b"copy" => Kind::Copy(Copy::new()),
        b"insert" => Kind::Insert(Insert::default()),
        b"set" => Kind::Set(Set::default()),
        b"reset" | b"discard" => Kind::Set(Set { reset: true, ..Set::default() }),
        b"select" => Kind::Select(Select::Function),
        b"begin" | b"commit" | b"end" => Kind::Bound,
        b"prepare" => Kind::Prepare,
        b"start" | b"rollback" | b"abort" | b"savepoint" | b"release" => Kind::Transaction,
        _ => Kind::Other,
    }
}

fn setting(name: &[u8]) -> Setting {
    match name {
        b"standard_conforming_strings" => Setting::ConformingStrings,
        b"client_encoding" | b"names" => Setting::ClientEncoding,
        b"search_path" | b"schema" => Setting::SearchPath,
        b"transaction_timeout" => Setting::TransactionTimeout,
        b"default_tablespace" => Setting::DefaultTablespace,
        b"all" => Setting::All,
        _ => Setting::Unknown,
    }
}

impl Insert {
    pub(super) fn is_exact(&self) -> bool {
        self.values && !self.inexact
    }
}
