use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use db_tasks::stream::{Codec, Compression, Digest, decoder, encoder};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{COMPRESSED, decode, encode, rows};

fn compressions() -> impl Strategy<Value = Compression> {
    prop_oneof![
        (1..=6).prop_map(|level| Compression::new(Codec::Zstd, Some(level)).unwrap()),
        (1..=9).prop_map(|level| Compression::new(Codec::Gzip, Some(level)).unwrap()),
        Just(Compression::from(Codec::Plain)),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..2000),
        (0_usize..300_000).prop_map(rows),
        (0_usize..4, 0_usize..3)
            .prop_map(|(blocks, more)| { rows((blocks * 512 * 1024 + more).saturating_sub(1)) }),
    ]
}

/// Hands out and takes in only so many bytes at once, in turn.
struct Dribble<T> {
    inner: T,
    sizes: Vec<usize>,
    turn: usize,
}

impl<T> Dribble<T> {
    fn new(inner: T, sizes: &[usize]) -> Self {
        let sizes = sizes.to_vec();
        Self { inner, sizes, turn: 0 }
    }

    fn most(&mut self, wanted: usize) -> usize {
        self.turn += 1;
        wanted.min(self.sizes[self.turn % self.sizes.len()])
    }
}

impl<R: Read> Read for Dribble<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.most(buf.len());
        self.inner.read(&mut buf[..most])
    }
}

impl<W: Write> Write for Dribble<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let most = self.most(buf.len());
        self.inner.write(&buf[..most])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn round_trip(
        compression in compressions(),
        data in inputs(),
        writes in vec(1_usize..200_000, 1..6),
        sink in vec(1_usize..50_000, 1..6),
        reads in vec(1_usize..50_000, 1..6),
    ) {
        let sink = Dribble::new(Digest::new(Vec::new()), &sink);
        let mut encoder = encoder(compression, sink).unwrap();
        Dribble::new(&mut encoder, &writes).write_all(&data).unwrap();

        let (file, written) = encoder.finish().unwrap().inner.finish();
        prop_assert_eq!(written.bytes, file.len() as u64);

        let source = Dribble::new(Digest::new(&file[..]), &reads);
        let mut decoder = decoder(compression.codec(), source).unwrap();
        let mut back = Vec::new();

        decoder.read_to_end(&mut back).unwrap();
        let (_, read) = decoder.finish().unwrap().inner.finish();
        prop_assert!(back == data);
        prop_assert_eq!(read, written);
    }

    #[test]
    fn noise_is_never_taken_for_a_file(noise in vec(any::<u8>(), 0..200)) {
        for codec in COMPRESSED {
            prop_assert!(decode(codec, &noise).is_err());
        }
    }
}

fn pipe(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;

    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();

    feeder.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");

    Some(output.stdout)
}

#[test]
fn interoperates_with_the_usual_programs() {
    for (codec, program) in [(Codec::Zstd, "zstd"), (Codec::Gzip, "gzip")] {
        for bytes in [0, 1, 1000, 512 * 1024, 3_000_000] {
            let data = rows(bytes);
            let file = encode(codec.into(), &data);
            let Some(theirs) = pipe(program, &["-dc"], &file) else {
                crate::support::component::missing(program, "it is not installed");
                continue;
            };

            assert!(theirs == data, "{program} -d of {bytes}");
            pipe(program, &["-t"], &file);

            let packed = pipe(program, &["-c"], &data).unwrap();
            assert!(decode(codec, &packed).unwrap() == data);

            let both = [packed, file].concat();
            assert!(decode(codec, &both).unwrap() == [&data[..], &data[..]].concat());
        }
    }
}

#[test]
fn levels_are_checked() {
    for (codec, level) in
        [(Codec::Zstd, 0), (Codec::Zstd, 20), (Codec::Gzip, 10), (Codec::Plain, 1)]
    {
        assert!(Compression::new(codec, Some(level)).is_err());
    }
    let error = Compression::new(Codec::Gzip, Some(-1)).unwrap_err();
    assert_eq!(error.to_string(), "gzip has no compression level -1: use 1 to 9");
    assert_eq!(Compression::new(Codec::Zstd, None).unwrap().level(), Some(1));
}

#[test]
fn names_are_read_back() {
    for codec in Codec::ALL {
        assert_eq!(codec.to_string().parse(), Ok(codec));
    }
    assert!("lz4".parse::<Codec>().is_err());
}

#[test]
fn the_digest_is_sha256() {
    let mut digest = Digest::new(io::sink());
    digest.write_all(b"abc").unwrap();
    let (_, sum) = digest.finish();
    assert_eq!(sum.bytes, 3);
    assert_eq!(sum.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
