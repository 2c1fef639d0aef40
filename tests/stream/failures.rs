use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use db_tasks::stream::{Codec, Decoder, Digest, Encoder, decoder, encoder};

use super::{COMPRESSED, decode, encode, rows};

struct Failing {
    room: usize,
}

impl Failing {
    fn take(&mut self, wanted: usize) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = wanted.min(self.room);
        self.room -= taken;
        Ok(taken)
    }
}

impl Write for Failing {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.take(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let taken = self.take(buf.len())?;
        buf[..taken].fill(b'\n');
        Ok(taken)
    }
}

#[test]
fn errors_of_the_sink_surface_and_stay() {
    let data = rows(4_000_000);
    for codec in Codec::ALL {
        let whole = encode(codec.into(), &data).len();
        for room in [0, 1, 9, 1000, whole / 2, whole - 1] {
            let mut encoder = encoder(codec.into(), Failing { room }).unwrap();
            let error = match encoder.write_all(&data) {
                Ok(()) => encoder.finish().err().unwrap(),
                Err(error) => {
                    assert!(encoder.write(b"x").is_err());
                    assert!(encoder.flush().is_err());
                    assert!(encoder.finish().is_err());
                    error
                }
            };

            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{codec} {room}");
        }
    }
}

#[test]
fn errors_of_the_source_are_passed_on() {
    let mut source = decoder(Codec::Plain, Failing { room: 10 }).unwrap();
    let error = source.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);

    for codec in COMPRESSED {
        let file = encode(codec.into(), &rows(1000));
        for length in [1, 12, 200] {
            let source = file[..length].chain(Failing { room: 0 });
            let error = match decoder(codec, source) {
                Ok(mut decoder) => decoder.read_to_end(&mut Vec::new()).unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{codec} {length}");
        }
    }
}

/// A sink that tells what it holds when it is dropped.
struct Telling(Vec<u8>, mpsc::Sender<Vec<u8>>);

impl Write for Telling {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let _ = self.1.send(std::mem::take(&mut self.0));
    }
}

#[test]
fn dropping_an_encoder_ends_and_leaves_no_good_file() {
    for codec in COMPRESSED {
        for bytes in [0, 10, 512 * 1024, 5_000_000] {
            let (tell, told) = mpsc::channel();
            thread::spawn(move || {
                let mut encoder: Encoder<_> =
                    encoder(codec.into(), Telling(Vec::new(), tell)).unwrap();
                encoder.write_all(&rows(bytes)).unwrap();
            });
            let left = told.recv_timeout(Duration::from_secs(20)).unwrap();
            assert!(decode(codec, &left).is_err(), "{codec} {bytes}");
        }
    }
}

#[test]
fn a_flush_makes_everything_readable() {
    for codec in Codec::ALL {
        let (tell, told) = mpsc::channel();
        let mut encoder = encoder(codec.into(), Telling(Vec::new(), tell)).unwrap();
        encoder.write_all(b"SELECT 1;\n").unwrap();
        encoder.flush().unwrap();
        drop(encoder);

        let left = told.recv().unwrap();
        let mut line = [0; 10];
        let mut decoder = decoder(codec, &left[..]).unwrap();

        decoder.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"SELECT 1;\n");
    }
}

#[test]
fn the_stages_can_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Encoder<Digest<Vec<u8>>>>();
    is_send::<Decoder<Digest<&[u8]>>>();
}
