use std::io::{self, Write};
use std::iter;
use std::num::NonZero;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use flate2::{Compression, GzBuilder};

/// More would only hold memory: the reader of pg_dump cannot feed them.
const MAX_WORKERS: usize = 8;

/// Whether more members follow one. A gzip file cut between two members is
/// itself a good gzip file, so each member we write says if it is the last,
/// in an "extra" header field that other programs skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Middle,
    Last,
}

const MIDDLE: [u8; 5] = *b"dt\x01\0+";
const LAST: [u8; 5] = *b"dt\x01\0.";

impl Place {
    fn extra(self) -> &'static [u8; 5] {
        match self {
            Place::Middle => &MIDDLE,
            Place::Last => &LAST,
        }
    }
}

/// Whether the extra field of a member promises that another one follows.
pub(super) fn promises_more(extra: &[u8]) -> bool {
    extra == MIDDLE
}

struct Job {
    block: Vec<u8>,
    place: Place,
    reply: SyncSender<io::Result<Vec<u8>>>,
}

/// Where the compressed member, or the failure to make it, will arrive.
pub(super) type Answer = Receiver<io::Result<Vec<u8>>>;

/// Threads that compress blocks of text into gzip members.
pub(super) struct Pool {
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn start(level: u32) -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let mut pool = Self { jobs: Some(jobs), workers: Vec::new() };

        for _ in 0..count.min(MAX_WORKERS) {
            let queue = Arc::clone(&queue);
            let worker = thread::Builder::new()
                .name("gzip".to_owned())
                .spawn(move || work(&queue, Compression::new(level)))?;
            pool.workers.push(worker);
        }

        Ok(pool)
    }

    /// Twice the workers, so that none runs out of work while the sink or
    /// the source is busy for a moment.
    pub(super) fn most_waiting(&self) -> usize {
        2 * self.workers.len()
    }

    pub(super) fn compress(&self, block: Vec<u8>, place: Place) -> io::Result<Answer> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job = Job { block, place, reply };
        let jobs = self.jobs.as_ref().ok_or_else(worker_gone)?;
        jobs.send(job).map_err(|_| worker_gone())?;
        Ok(answer)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Otherwise the workers would wait for jobs, and we for the workers.
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // A panic of the worker was reported when its answer failed to
            // come; panicking again here could abort the program.
            let _ = worker.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>, level: Compression) {
    let next = || queue.lock().ok()?.recv().ok();
    for job in iter::from_fn(next) {
        let member = compress(&job.block, job.place, level);
        // Nobody listens if the encoder was dropped unfinished.
        let _ = job.reply.send(member);
    }
}

fn compress(block: &[u8], place: Place, level: Compression) -> io::Result<Vec<u8>> {
    let room = Vec::with_capacity(block.len() / 2 + 64);
    let builder = GzBuilder::new().extra(place.extra().as_slice());
    let mut member = builder.write(room, level);
    member.write_all(block)?;
    member.finish()
}

pub(super) fn worker_gone() -> io::Error {
    io::Error::other("a gzip compression thread stopped unexpectedly")
}
