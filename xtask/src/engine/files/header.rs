//! What the headers of a tar have in common, whoever writes them.

use std::io::Write;

use tar::{EntryType, Header};

/// A name of this length still fits in a header.
pub(super) const SHORT: usize = 100;

/// A tar is made of blocks.
pub(super) const BLOCK: usize = 512;

/// Before an entry whose name or link is longer: GNU's way, which has room for any byte
/// (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>).
pub(super) fn long(kind: EntryType, text: &[u8], out: &mut Vec<u8>) {
    out.extend(of_long(kind, text).as_bytes());
    out.extend(text);
    // a zero ends it, more of them pad the block
    out.push(0);
    fill(out);
}

/// The records of a pax header, as a header.
pub(super) fn extended(records: &[u8], out: &mut Vec<u8>) {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    header.set_size(records.len() as u64);
    header.set_cksum();
    out.extend(header.as_bytes());
    out.extend(records);
    fill(out);
}

/// A record of a pax header: `LENGTH KEY=VALUE` and a line end.
pub(super) fn record(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    // the length counts its own digits
    let bare = key.len() + value.len() + 3;
    let digits = |length: usize| length.checked_ilog10().unwrap_or(0) as usize + 1;
    let length = bare + digits(bare + digits(bare));

    // writing to memory does not fail
    drop(write!(out, "{length} "));

    for part in [key, b"=", value, b"\n"] {
        out.extend(part);
    }
}

/// Pads the last block with zeros.
pub(super) fn fill(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

fn of_long(kind: EntryType, text: &[u8]) -> Header {
    let mut header = Header::new_gnu();
    put(&mut header.as_old_mut().name, b"././@LongLink");
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);

    header.set_gid(0);
    header.set_mtime(0);
    // a zero ends it
    header.set_size(text.len() as u64 + 1);
    header.set_cksum();

    header
}

/// As much of a text as fits in a field.
pub(super) fn put(field: &mut [u8], text: &[u8]) {
    let room = text.len().min(field.len());
    field[..room].copy_from_slice(&text[..room]);
}
