//! What the headers of a tar have in common, whoever writes them.

use tar::{EntryType, Header};

/// A name of this length still fits in a header.
pub(super) const SHORT: usize = 100;

/// Before a name that is longer: GNU's way, which has room for any byte (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>).
pub(super) fn of_long(kind: EntryType, text: &[u8]) -> Header {
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

/// As much of a text as a field holds.
pub(super) fn put(field: &mut [u8], text: &[u8]) {
    let room = text.len().min(field.len());
    field[..room].copy_from_slice(&text[..room]);
}
