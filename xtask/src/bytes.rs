//! Text that may have bytes which are not UTF-8: names and comments of a database in SQL_ASCII or
//! LATIN1, also in the catalogs that all databases of a server share. Such a byte becomes a
//! character of the last private plane, so that the text can be sent back byte for byte; people see
//! `\xe9` (`ui/shown`).

use std::borrow::Cow;

/// The first of them, minus the first byte beyond ASCII.
const FIRST: u32 = 0x10_ff00;

/// In base64 (RFC 4648), with padding.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The output of a program.
pub fn text(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::with_capacity(bytes.len()), |mut text, chunk| {
        if chunk.valid().contains(is_foreign) {
            // one that is really in the text is known by its bytes
            let stood_for = |c: char| c.to_string().bytes().map(standing_for).collect::<String>();
            text.extend(
                chunk
                    .valid()
                    .chars()
                    .map(|c| if is_foreign(c) { stood_for(c) } else { c.to_string() }),
            );
        } else {
            text.push_str(chunk.valid());
        }

        text.extend(chunk.invalid().iter().map(|byte| standing_for(*byte)));
        text
    })
}

/// Back to bytes.
pub fn of(text: &str) -> Cow<'_, [u8]> {
    if !has_foreign(text) {
        return Cow::Borrowed(text.as_bytes());
    }

    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match byte(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    Cow::Owned(bytes)
}

/// Whether it has bytes that are not UTF-8.
pub fn has_foreign(text: &str) -> bool {
    text.contains(is_foreign)
}

/// Whether it stands for such a byte.
pub fn is_foreign(c: char) -> bool {
    byte(c).is_some()
}

/// The byte that it stands for.
pub fn byte(c: char) -> Option<u8> {
    u32::from(c)
        .checked_sub(FIRST)
        .and_then(|byte| u8::try_from(byte).ok())
        .filter(|byte| !byte.is_ascii())
}

fn standing_for(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).rev().chain(0..=255).collect();
        let written = "\u{10ffe9}é".as_bytes();
        for bytes in
            [&all[..], "grüße".as_bytes(), b"caf\xe9", b"\xe9", b"\xf4\x8f\xbf", b"", written]
        {
            assert_eq!(*of(&text(bytes)), *bytes, "{bytes:?}");
        }

        assert_eq!((text("é".as_bytes()), has_foreign("é")), ("é".into(), false));
        assert!(has_foreign(&text(b"caf\xe9")) && has_foreign(&text(written)));
        assert_ne!(text(b"caf\xe9"), text(b"caf\xe8"));
    }
}
