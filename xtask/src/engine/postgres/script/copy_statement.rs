//! What a COPY statement says about its data.

use super::copy::Format;
use super::statement::{Kind, Statement};
use super::token::Token;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    stage: CopyStage,
    option: CopyOption,
    quote: u8,
    escape: Option<u8>,
    csv: bool,
    pub(super) binary: bool,
    pub(super) header: bool,
    pub(super) filtered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CopyStage {
    Table,
    Source,
    Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CopyOption {
    Format,
    Header,
    Quote,
    Escape,
    Other,
}

impl Statement {
    pub(super) fn copy(&mut self, mut copy: Copy, token: Token, text: &[u8], nested: bool) {
        if copy.stage == CopyStage::Options {
            copy.option(token, text, nested);
            self.kind = Kind::Copy(copy);
            return;
        }

        if nested || token == Token::Close {
            return;
        }

        let word = if token == Token::Word { text } else { b"" };
        self.kind = match (copy.stage, word) {
            (CopyStage::Table, b"binary") if self.name.is_empty() => {
                copy.binary = true;
                Kind::Copy(copy)
            }
            (CopyStage::Table, _) if self.names(token, text) => Kind::Copy(copy),
            (CopyStage::Table, b"from") => {
                copy.stage = CopyStage::Source;
                Kind::Copy(copy)
            }
            (CopyStage::Table, b"") if token == Token::Open && !self.name.is_empty() => self.kind,
            // The server takes FROM STDOUT as a misspelt FROM STDIN (`gram.y`).
            (CopyStage::Source, b"stdin" | b"stdout") => {
                copy.stage = CopyStage::Options;
                Kind::Copy(copy)
            }
            _ => Kind::Other,
        };
    }
}

impl Copy {
    pub(super) fn new() -> Self {
        Copy {
            stage: CopyStage::Table,
            option: CopyOption::Other,
            quote: b'"',
            escape: None,
            csv: false,
            binary: false,
            header: false,
            filtered: false,
        }
    }

    /// The format of the data that follows, if any.
    pub(super) fn format(&self) -> Option<Format> {
        let quote = self.quote;
        let escape = self.escape.unwrap_or(quote);
        match self.csv {
            _ if self.stage != CopyStage::Options => None,
            true => Some(Format::Csv { quote, escape }),
            false => Some(Format::Text),
        }
    }

    /// Both the option list in parentheses and the old form without them.
    fn option(&mut self, token: Token, text: &[u8], nested: bool) {
        let named = matches!(token, Token::Word | Token::Name | Token::Str);
        let format = self.option == CopyOption::Format && named;
        let bare = !nested && token == Token::Word;

        match (self.option, token) {
            (CopyOption::Quote, Token::Str) => self.quote = text.first().copied().unwrap_or(b'"'),
            (CopyOption::Escape, Token::Str) => self.escape = text.first().copied(),
            _ => {}
        }

        match &text.to_ascii_lowercase()[..] {
            b"csv" if format || bare => self.csv = true,
            b"binary" if format || bare => self.binary = true,
            b"false" | b"off" if named && self.option == CopyOption::Header => self.header = false,
            b"header" if token == Token::Word => self.header = true,
            b"where" if bare => self.filtered = true,
            _ => {}
        }

        self.option = match text {
            _ if token != Token::Word => CopyOption::Other,
            b"format" => CopyOption::Format,
            b"header" => CopyOption::Header,
            b"quote" => CopyOption::Quote,
            b"escape" => CopyOption::Escape,
            b"as" => self.option,
            _ => CopyOption::Other,
        };
    }
}
