//! The stages a dump passes through on its way to and from storage: compression, checksums, and
//! recognising what a file holds.

mod compression;
mod content;
mod conveyor;
mod decode;
mod digest;
mod encode;
mod flushed;
mod gzip;
pub mod mac;
mod members;
mod pool;
mod sniff;
mod source;

pub use compression::{Codec, Compression, LevelError, UnknownCodec};
pub use content::{Fingerprint, Method, Summed, Summing};
pub use conveyor::{Conveyor, Fetched};
pub use decode::{Decoder, WINDOW_LOG_MAX, decoder};
pub use digest::{Check, Checksum, Digest, Sum};
pub use encode::{Encoder, encoder};
pub use flushed::Flushed;
pub use sniff::{SNIFF_LEN, Sniffed, sniff};
