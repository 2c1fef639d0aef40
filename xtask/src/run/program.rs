//! Runs one of our own commands in a process of its own, for the scheduler. The command goes its
//! whole way there: plan, gate, run, report.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::Result;

use super::hook::{LINGER, lines};
use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::door::Interrupt;
use crate::door::children::{self, Child, Input, Outlet};
use crate::problem::Status;

/// How long it has to clean up after a signal. What it can't do by then, the next run does.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often to look at it when it says nothing.
const GLANCE: Duration = Duration::from_millis(300);

/// Whom to tell while it runs.
pub trait Onlooker {
    /// It said a line.
    fn said(&mut self, line: &str);

    /// It is still at work.
    fn at_work(&mut self);
}

/// Runs it to its end. A signal that comes for us ends it, too, and its end is waited for.
///
/// # Errors
/// It can't be started.
pub fn run(
    cmd: &Cmd,
    secrets: &Secrets,
    interrupt: &Interrupt,
    onlooker: &mut dyn Onlooker,
) -> Result<Status> {
    let (reader, writer) = std::io::pipe()?;
    let child = children::start(cmd, Input::Text, Outlet::Both(writer), secrets, interrupt)?;
    let lines = lines(reader);

    std::thread::scope(|scope| {
        let mut ending = None;
        loop {
            match lines.recv_timeout(GLANCE) {
                Ok(line) => onlooker.said(&line.shown(secrets)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if child.has_ended() => {
                    while let Ok(line) = lines.recv_timeout(LINGER) {
                        onlooker.said(&line.shown(secrets));
                    }
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }

            if interrupt.strikes() && ending.is_none() {
                // beside this loop, which goes on to pass on what it says of its end
                ending = Some(scope.spawn(|| child.end_group(PATIENCE)));
            }
            onlooker.at_work();
        }
    });

    status(&child)
}

fn status(child: &Child) -> Result<Status> {
    Ok(child.wait()?.map_or_else(|ended| ended.status, |_| Status::Code(0)))
}
