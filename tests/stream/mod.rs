//! The stream module as its callers see it.

mod artifact;
#[cfg(feature = "age")]
mod cipher;
mod damage;
mod failures;
mod round_trip;

use std::io::{self, Read, Write};

use db_tasks::stream::{Codec, Compression, decoder, encoder};

pub const COMPRESSED: [Codec; 2] = [Codec::Zstd, Codec::Gzip];

pub fn encode(compression: Compression, data: &[u8]) -> Vec<u8> {
    let mut encoder = encoder(compression, Vec::new()).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub fn decode(codec: Codec, file: &[u8]) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    let mut decoder = decoder(codec, file)?;
    decoder.read_to_end(&mut data)?;
    assert!(decoder.finish()?.is_empty());
    Ok(data)
}

/// Rows as in a COPY section, so that matches and literals both occur.
pub fn rows(bytes: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(bytes + 64);
    let mut seed = 1_u64;
    while data.len() < bytes {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        writeln!(data, "{}\tcustomer {}\t\\N\tt", seed >> 40, seed >> 55).unwrap();
    }
    data.truncate(bytes);
    data
}
