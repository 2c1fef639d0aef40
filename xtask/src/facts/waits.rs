//! Watches, during a run, whether it waits for another session's lock: a backup, a count or a swap
//! would hang silently.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Secrets;
use crate::door::ask::ask_aside;
use crate::engine::postgres::catalog::waiting::{give_up, question, read};
use crate::engine::postgres::client::Client;

/// When it first looks. Most runs are over by then.
const FIRST: Duration = Duration::from_millis(1200);
/// How long it waits between two looks.
const NEXT: Duration = Duration::from_secs(2);

/// The servers that are watched. All of it ends with this.
pub struct Waits {
    tell: fn(&str),
    limit: Option<Duration>,
    /// What ends each watch when it is dropped.
    watched: Mutex<BTreeMap<String, Sender<()>>>,
}

impl Waits {
    /// Reports waits by `tell`, and terminates what waits longer than `limit`.
    pub fn new(tell: fn(&str), limit: Option<Duration>) -> Self {
        Self { tell, limit, watched: Mutex::default() }
    }

    /// Watches the server that a client goes to, if it does not yet.
    pub fn over(&self, client: &Client, secrets: &Secrets) {
        let at = &client.connection;
        let server = format!("{:?} {:?} {:?} {:?}", client.place, at.host, at.port, at.port_inside);
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);

        watched.entry(server).or_insert_with(|| {
            let (end, ended) = channel();
            let watch = Watch {
                client: client.clone(),
                secrets: secrets.clone(),
                tell: self.tell,
                limit: self.limit,
            };

            std::thread::spawn(move || {
                let mut pause = FIRST;
                let mut seen = Seen::default();
                while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    watch.look(&mut seen);
                    pause = NEXT;
                }
            });

            end
        });
    }
}

struct Watch {
    client: Client,
    secrets: Secrets,
    tell: fn(&str),
    limit: Option<Duration>,
}

#[derive(Default)]
struct Seen {
    /// Who was reported last.
    holders: Vec<i64>,
    /// Since when the run waits.
    since: Option<Instant>,
}

impl Watch {
    fn look(&self, seen: &mut Seen) {
        let app = &self.client.app_name;
        let answer =
            ask_aside(&self.client.psql(self.client.maintenance(), question(app)), &self.secrets);
        // the run itself reports a server that does not answer
        let holders = answer.map_or(Vec::new(), |answer| read(&answer.out));

        if holders.is_empty() {
            *seen = Seen::default();
            return;
        }

        let since = *seen.since.get_or_insert_with(Instant::now);
        let pids: Vec<i64> = holders.iter().map(|holder| holder.pid).collect();
        if pids != seen.holders {
            holders.iter().for_each(|holder| (self.tell)(&format!("waiting: {holder}")));
            seen.holders = pids;
        }

        let limit = self.limit.filter(|limit| since.elapsed() >= *limit);
        if let Some(limit) = limit {
            (self.tell)(&format!("gave up: `guards.wait-for-locks` is {} s", limit.as_secs()));
            // if that fails, the next look repeats it
            drop(ask_aside(
                &self.client.psql(self.client.maintenance(), give_up(app)),
                &self.secrets,
            ));
        }
    }
}
