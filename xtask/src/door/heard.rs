//! What a child says on standard error: only the beginning and the end, because a function in an
//! untrusted dump may warn for ever.

use std::io::{self, Read};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

/// Bytes that are kept of the beginning, and as many of the end.
const KEPT: usize = 256 * 1024;

/// Listens to a child in a thread of its own.
pub(super) struct Heard {
    listens: Mutex<Option<JoinHandle<Vec<u8>>>>,
    all: OnceLock<Vec<u8>>,
}

impl Heard {
    /// Begins to listen.
    pub fn from(reader: impl Read + Send + 'static) -> Self {
        let listens = std::thread::spawn(move || listen(reader).unwrap_or_default());
        Self { listens: Mutex::new(Some(listens)), all: OnceLock::new() }
    }

    /// What was said, when the child has ended.
    pub fn all(&self) -> &[u8] {
        self.all.get_or_init(|| {
            let listens = self.listens.lock().unwrap_or_else(PoisonError::into_inner).take();
            listens.and_then(|listens| listens.join().ok()).unwrap_or_default()
        })
    }
}

fn listen(mut from: impl Read) -> io::Result<Vec<u8>> {
    let (mut head, mut tail, mut left_out) = (Vec::new(), Vec::new(), 0);
    (&mut from).take(KEPT as u64).read_to_end(&mut head)?;

    let mut chunk = vec![0; KEPT];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(got) => tail.extend_from_slice(&chunk[..got]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }

        if tail.len() > 2 * KEPT {
            left_out += tail.len() - KEPT;
            tail.drain(..tail.len() - KEPT);
        }
    }

    Ok(if left_out == 0 { [head, tail].concat() } else { cut(&head, &tail) })
}

/// Only whole lines: half a secret would not be recognised.
fn cut(head: &[u8], tail: &[u8]) -> Vec<u8> {
    let head = &head[..head.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)];
    let tail = &tail[tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |at| at + 1)..];
    [head, b"[...]\n", tail].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let said = |lines: usize| {
            (0..lines).map(|n| format!("line {n:09}\n")).collect::<String>().into_bytes()
        };
        for lines in [0, 1, 1_000, 50_000] {
            assert_eq!(listen(&said(lines)[..]).unwrap(), said(lines), "{lines}");
        }

        let heard = String::from_utf8(listen(&said(1_000_000)[..]).unwrap()).unwrap();
        assert!(heard.len() <= 4 * KEPT, "{}", heard.len());
        assert!(heard.starts_with("line 000000000\n") && heard.ends_with("\nline 000999999\n"));
        assert!(heard.lines().all(|line| line == "[...]" || line.len() == 14), "whole lines alone");

        let heard = listen(&vec![b'x'; 9 * KEPT][..]).unwrap();
        assert_eq!(heard, b"[...]\n", "half a line is nothing");
    }
}
