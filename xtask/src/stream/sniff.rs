use super::Codec;

/// How many bytes from the start of a file [`sniff`] can use.
pub const SNIFF_LEN: usize = 512;

/// What the first bytes of a file say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// A zstd frame, or a skippable frame before one.
    Zstd,
    /// A gzip member.
    Gzip,
    /// A file that age encrypted, also as text.
    Age,
    /// Text in any encoding that keeps ASCII, such as a plain SQL dump.
    Text,
    /// A pg_dump archive in custom format, for pg_restore.
    PgCustom,
    /// A pg_dump archive in tar format, for pg_restore.
    PgTar,
    /// Any other tar archive.
    Tar,
    /// Text in UTF-16, as PowerShell's `>` writes it.
    Utf16,
    /// A dump of MySQL or MariaDB.
    MySql,
    /// A database of SQLite, or its dump.
    Sqlite,
    /// An lz4 frame.
    Lz4,
    /// An xz file.
    Xz,
    /// A bzip2 file.
    Bzip2,
    /// A zip archive.
    Zip,
    /// No bytes at all.
    Empty,
    /// None of the above.
    Other,
}

impl Sniffed {
    /// The codec that reads such a file as SQL text, if there is one.
    pub fn codec(self) -> Option<Codec> {
        match self {
            Sniffed::Zstd => Some(Codec::Zstd),
            Sniffed::Gzip => Some(Codec::Gzip),
            Sniffed::Text => Some(Codec::Plain),
            _ => None,
        }
    }
}

const TAR_MAGIC_AT: usize = 257;

/// Tells what a file is from its first bytes; give it [`SNIFF_LEN`] of them, or the whole file if
/// that is shorter.
pub fn sniff(head: &[u8]) -> Sniffed {
    match head {
        [] => Sniffed::Empty,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Sniffed::Zstd,
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Sniffed::Zstd,
        [0x1f, 0x8b, ..] => Sniffed::Gzip,
        _ if begins(head, &[b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"]) => {
            Sniffed::Age
        }
        [b'P', b'G', b'D', b'M', b'P', ..] => Sniffed::PgCustom,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Sniffed::Utf16,
        [0x04, 0x22, 0x4d, 0x18, ..] => Sniffed::Lz4,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Sniffed::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] if bzip2_block(rest) => Sniffed::Bzip2,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Sniffed::Zip,
        _ if is_tar(head) && head.starts_with(b"toc.dat\0") => Sniffed::PgTar,
        _ if is_tar(head) => Sniffed::Tar,
        _ if is_utf16(head) => Sniffed::Utf16,
        _ if begins(head, &[b"-- MySQL dump", b"-- MariaDB dump", b"/*M!999999", b"/*!999999"]) => {
            Sniffed::MySql
        }
        _ if begins(head, &[b"SQLite format 3\0", b"PRAGMA foreign_keys="]) => Sniffed::Sqlite,
        _ if is_text(head) => Sniffed::Text,
        _ => Sniffed::Other,
    }
}

/// `BZh9` alone could begin a text; what follows it in a bzip2 file could not.
fn bzip2_block(rest: &[u8]) -> bool {
    rest.starts_with(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
        || rest.starts_with(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90])
}

fn is_tar(head: &[u8]) -> bool {
    head.get(TAR_MAGIC_AT..)
        .is_some_and(|field| field.starts_with(b"ustar"))
        // A text may well hold the word, but never the padding before it.
        && head[..TAR_MAGIC_AT].contains(&0)
}

fn begins(head: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|words| head.starts_with(words))
}

/// Without a byte order mark: the first line is ASCII, so that every other byte is NUL.
fn is_utf16(head: &[u8]) -> bool {
    let nul =
        |at: usize| head.iter().skip(at).step_by(2).take(16).filter(|byte| **byte == 0).count();
    head.len() >= 32 && matches!((nul(0), nul(1)), (16, 0) | (0, 16))
}

/// Bytes above ASCII count as text because a dump may be in any server
/// encoding; a binary file gives itself away by its control bytes.
fn is_text(head: &[u8]) -> bool {
    let head = &head[..head.len().min(SNIFF_LEN)];
    !head.iter().any(|byte| matches!(byte, 0..=7 | 14..=26 | 28..=31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magics() {
        let mut tar = vec![0; 512];
        tar[..7].copy_from_slice(b"toc.dat");
        tar[257..262].copy_from_slice(b"ustar");

        let mut other_tar = tar.clone();
        other_tar[..7].copy_from_slice(b"uploads");

        let cases: [(&[u8], Sniffed); 25] = [
            (b"", Sniffed::Empty),
            (b"\x28\xb5\x2f\xfd\x04\x58", Sniffed::Zstd),
            (b"\x52\x2a\x4d\x18\x04\0\0\0", Sniffed::Zstd),
            (b"\x1f\x8b\x08\0", Sniffed::Gzip),
            (b"age-encryption.org/v1\n-> X25519 ", Sniffed::Age),
            (b"-----BEGIN AGE ENCRYPTED FILE-----\n", Sniffed::Age),
            (b"PGDMP\x01\x0e\0", Sniffed::PgCustom),
            (b"\xfd7zXZ\0\0", Sniffed::Xz),
            (b"BZh91AY&SY\0\0", Sniffed::Bzip2),
            (b"BZh9 is not a block\n", Sniffed::Text),
            (b"PK\x03\x04\x14\0", Sniffed::Zip),
            (&tar, Sniffed::PgTar),
            (&other_tar, Sniffed::Tar),
            (b"\xff\xfe-\0-\0", Sniffed::Utf16),
            (b"\xfe\xff\0-\0-", Sniffed::Utf16),
            (b"-\0-\0\n\0-\0-\0 \0P\0o\0s\0t\0g\0r\0e\0S\0Q\0L\0", Sniffed::Utf16),
            (b"-- MySQL dump 10.13  Distrib 8.0.36\n", Sniffed::MySql),
            (b"SQLite format 3\0\x10\0", Sniffed::Sqlite),
            (b"PRAGMA foreign_keys=OFF;\n", Sniffed::Sqlite),
            (b"--\n-- PostgreSQL database dump\n--\n", Sniffed::Text),
            (b"\xef\xbb\xbfSELECT 1;\r\n", Sniffed::Text),
            (b"SELECT 'caf\xe9';\n", Sniffed::Text),
            (b"S\0E\0L\0", Sniffed::Other),
            (b"\x7fELF\x02\x01\x01\0", Sniffed::Other),
            (b"\x04\x22\x4d\x18", Sniffed::Lz4),
        ];

        for (head, expected) in cases {
            assert_eq!(sniff(head), expected, "{head:?}");
        }
    }
}
