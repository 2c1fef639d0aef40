use std::io::{self, Read};

use db_tasks::stream::{Codec, decoder};

use super::{COMPRESSED, decode, encode, rows};

#[test]
fn every_truncation_is_an_error() {
    for codec in COMPRESSED {
        let data = rows(2500);
        let file = encode(codec.into(), &data);
        for length in 0..file.len() {
            let error = decode(codec, &file[..length]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length}");
            assert!(error.to_string().contains("cut short") || length == 0);
        }
    }
}

#[test]
fn truncation_between_gzip_members_is_an_error() {
    let file = encode(Codec::Gzip.into(), &rows(1_200_000));
    let starts: Vec<usize> =
        (0..file.len()).filter(|&at| file[at..].starts_with(&[0x1f, 0x8b, 8, 4])).collect();
    assert_eq!(starts.len(), 3);
    for &start in &starts {
        let error = decode(Codec::Gzip, &file[..start]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_harmless() {
    for codec in COMPRESSED {
        let data = rows(1500);
        let file = encode(codec.into(), &data);
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // Some bits have no bearing on the content: a date in a header,
            // padding, the code of a symbol that does not occur.
            if let Ok(back) = decode(codec, &damaged) {
                assert!(back == data, "{codec} bit {bit}");
            }
        }
    }
}

#[test]
fn garbage_after_the_end_is_an_error() {
    for codec in COMPRESSED {
        let good = encode(codec.into(), b"SELECT 1;\n");
        for filler in [0, b'x', 0x1f, 0x28, 0xff] {
            for length in [1, 2, 3, 4, 7, 8, 9, 10, 18, 600] {
                let file = [&good[..], &vec![filler; length]].concat();
                // gzip's own padding: blocks of a tape or a device
                let padded = codec == Codec::Gzip && filler == 0;
                assert_eq!(decode(codec, &file).is_ok(), padded, "{codec} {filler} {length}");
            }
        }
    }
}

#[test]
fn padding_ends_a_gzip_file() {
    let good = encode(Codec::Gzip.into(), b"SELECT 1;\n");
    let after = |more: &[u8]| decode(Codec::Gzip, &[&good[..], &[0; 512], more].concat());
    assert_eq!(after(b"").unwrap(), b"SELECT 1;\n");
    assert_eq!(after(&[0; 300_000]).unwrap(), b"SELECT 1;\n");
    for more in [&b"x"[..], &good] {
        let error = after(more).unwrap_err().to_string();
        assert_eq!(error, "something else follows the end of the gzip file");
    }
}

#[test]
fn a_long_window_is_read() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(31).unwrap();
    encoder.long_distance_matching(true).unwrap();
    io::Write::write_all(&mut encoder, &rows(2500)).unwrap();
    assert_eq!(decode(Codec::Zstd, &encoder.finish().unwrap()).unwrap(), rows(2500));
}

#[test]
fn an_empty_file_is_an_error_only_when_compressed() {
    for codec in COMPRESSED {
        let error = decode(codec, b"").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
    assert!(decode(Codec::Plain, b"").unwrap().is_empty());
}

#[test]
fn errors_stay() {
    for codec in COMPRESSED {
        let mut file = encode(codec.into(), &rows(100_000));
        file.truncate(file.len() - 1);

        let mut decoder = decoder(codec, &file[..]).unwrap();
        let mut buf = vec![0; 4096];
        while decoder.read(&mut buf).is_ok_and(|got| got > 0) {}

        for _ in 0..3 {
            let error = decoder.read(&mut buf).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }

        assert!(decoder.finish().is_err());
    }
}

#[test]
fn finish_before_the_end_is_an_error() {
    for codec in Codec::ALL {
        let file = encode(codec.into(), &rows(1000));
        let mut decoder = decoder(codec, &file[..]).unwrap();
        decoder.read_exact(&mut vec![0; 1000]).unwrap();
        assert!(decoder.finish().is_err());
    }
}

#[test]
fn a_window_beyond_the_format_is_refused() {
    // Magic, no flags, and a window of 2^32 bytes.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, (32 - 10) << 3, 1, 0, 0];
    let error = decode(Codec::Zstd, &frame).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("memory"), "{error}");
}
