//! Kinds of bytes in SQL, as in `psqlscan.l`.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Blank,
    Letter,
    Digit,
    Plain,
    Special,
}

const fn class(byte: u8) -> Class {
    match byte {
        b' ' | b'\t' | 0x0b | 0x0c => Class::Blank,
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => Class::Letter,
        b'0'..=b'9' => Class::Digit,
        b'\n' | b'\r' | 0 | b'\'' | b'"' | b'$' | b'-' | b'/' | b':' | b'\\' => Class::Special,
        b'(' | b')' | b'.' | b';' => Class::Special,
        _ => Class::Plain,
    }
}

pub(super) static CLASS: [Class; 256] = {
    let mut table = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
};

pub(super) static WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = matches!(CLASS[byte], Class::Letter | Class::Digit);
        table[byte] = letter || byte == b'$' as usize;
        byte += 1;
    }
    table
};

/// The characters of a dollar quote's tag, which are those of a psql variable's name too.
pub(super) fn is_tag(byte: u8) -> bool {
    matches!(CLASS[byte as usize], Class::Letter | Class::Digit)
}
