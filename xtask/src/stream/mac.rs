//! A signature by a key: HMAC-SHA256 (RFC 2104), over the one hash that is here already.

use sha2::{Digest, Sha256};

/// The signature of a message in lower-case hexadecimal.
pub fn hex(key: &[u8], message: &[u8]) -> String {
    sign(key, message).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Only a hash.
pub fn hash(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// The signature of a message.
pub fn sign(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;

    let mut padded = [0_u8; BLOCK];
    if key.len() > BLOCK {
        padded[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }

    let with = |byte: u8| padded.map(|k| k ^ byte);
    let inner = Sha256::new().chain_update(with(0x36)).chain_update(message).finalize();

    Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test cases 2 and 6 of RFC 4231.
    #[test]
    fn signs_as_the_standard_does() {
        assert_eq!(
            hex(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
