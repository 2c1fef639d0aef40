//! What SQL is split into.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An unquoted word, in lower case in [`super::lexer::Lexer::text`].
    Word,
    /// A quoted name.
    Name,
    /// A string literal of any kind.
    Str,
    Open,
    Close,
    Dot,
    Number,
    /// `::`
    Cast,
    /// Any other byte, reported only while it matters.
    Symbol(u8),
    Semicolon,
    /// A `--` comment, its dashes included.
    Comment,
    /// The end of a line, reported only while [`super::lexer::Lexer::stops_at_newline`] is set.
    Newline,
    /// A backslash line up to its end.
    Meta,
    /// Something that versions of psql read differently.
    Unclear(Doubt),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    CarriageReturn,
    /// `1E'..'` is a number and an escape string up to psql 15, but not since.
    StringAfterNumber,
    LongTag,
    CopyTail,
    /// psql inserts the value of one of its variables there (`:VERSION`), and continues reading in
    /// that.
    Variable,
}

impl Doubt {
    pub(super) fn why(self) -> &'static str {
        match self {
            Doubt::CarriageReturn => "carriage return within a line",
            Doubt::StringAfterNumber => "string right after a number",
            Doubt::LongTag => "a dollar quote's tag is too long",
            Doubt::CopyTail => "more on the line of COPY ... FROM stdin",
            Doubt::Variable => "the name of a variable of psql",
        }
    }
}
