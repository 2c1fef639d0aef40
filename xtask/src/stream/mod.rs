//! The stages a dump passes through on its way to and from storage: compression, checksums, and
//! recognising what a file holds.

pub mod artifact;
mod cipher;
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

pub use self::cipher::{Coding, Encryption, Locked, Locking, Unlocked, fitting};
pub use self::compression::{Codec, Compression, LevelError, UnknownCodec};
pub use self::content::{Fingerprint, Method, Summed, Summing};
pub use self::conveyor::{Conveyor, Fetched};
pub use self::decode::{Decoder, WINDOW_LOG_MAX, decoder};
pub use self::digest::{Check, Checksum, Digest, Sum};
pub use self::encode::{Encoder, encoder};
pub use self::flushed::Flushed;
pub use self::sniff::{SNIFF_LEN, Sniffed, sniff};
