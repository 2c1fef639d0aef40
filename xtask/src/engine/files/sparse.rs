//! Files with holes: where their data is, and the map that an archive keeps of it.

use std::fs::File;

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use tar::{EntryType, GnuExtSparseHeader, GnuSparseHeader, Header};

/// An archive describes data in blocks.
const BLOCK: u64 = 512;
/// With more pieces than that, a map costs more than the holes it saves.
const MOST_PIECES: usize = 100_000;

/// A piece of data: where it begins, how long it is.
pub(super) type Piece = (u64, u64);

/// Where the data of a file of this length is; `None` if it is all data, or if the file system
/// can't tell.
pub(super) fn pieces(file: &File, bytes: u64) -> Option<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    while at < bytes {
        let data = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Err(Errno::NXIO) => break, // a hole up to the end
            found => found.ok()?,
        };
        let hole = rustix::fs::seek(file, SeekFrom::Hole(data)).ok()?.min(bytes);
        let data = data / BLOCK * BLOCK;

        match pieces.last_mut() {
            Some((from, len)) if *from + *len >= data => *len = hole - *from,
            _ if data < hole => pieces.push((data, hole - data)),
            _ => {}
        }

        // an end inside a block is extended to the end of the block
        if let Some((from, len)) = pieces.last_mut() {
            *len = (len.next_multiple_of(BLOCK)).min(bytes - *from);
        }

        at = hole.max(at + 1);
    }

    let all = pieces.iter().map(|(_, len)| len).sum::<u64>() == bytes;
    (!all && pieces.len() <= MOST_PIECES).then_some(pieces)
}

/// Writes the map into a header; returns what of it follows the header.
pub(super) fn describe(header: &mut Header, pieces: &[Piece], bytes: u64) -> Vec<u8> {
    header.set_entry_type(EntryType::GNUSparse);
    // an empty piece at the end says where a hole there ends
    let mut rest = pieces.iter().copied().chain([(bytes, 0)]);
    let mut fill = |slots: &mut [GnuSparseHeader]| {
        for (slot, (from, len)) in slots.iter_mut().zip(rest.by_ref()) {
            slot.set_offset(from);
            slot.set_length(len);
        }
    };

    let mut left = pieces.len() + 1;
    let mut more = Vec::new();

    if let Some(gnu) = header.as_gnu_mut() {
        gnu.set_real_size(bytes);
        fill(&mut gnu.sparse);
        left = left.saturating_sub(gnu.sparse.len());
        gnu.set_is_extended(left > 0);
    }

    while left > 0 {
        let mut extension = GnuExtSparseHeader::new();
        fill(&mut extension.sparse);
        left = left.saturating_sub(extension.sparse.len());
        extension.set_is_extended(left > 0);
        more.extend_from_slice(extension.as_bytes());
    }

    more
}
