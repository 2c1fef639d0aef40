//! The session whose snapshot a pg_dump reads: it is held until the dump ends.

use anyhow::Result;

use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::door::Idle;
use crate::door::held::Held;
use crate::engine::postgres::client::snapshot::{Given, given, reading};
use crate::plan::Dumping;
use crate::problem::{Code, Problem};

/// The command that dumps, and the session whose snapshot it reads.
///
/// # Errors
/// The session is in another database than the one we looked at. If no session can be opened,
/// pg_dump says why itself.
pub fn begin(dumping: &Dumping, secrets: &Secrets, idle: &Idle) -> Result<(Cmd, Option<Held>)> {
    let plain = || Ok((dumping.dump.clone(), None));
    let Some(session) = &dumping.session else { return plain() };
    let Ok((held, line)) = idle.hold(session, secrets)? else { return plain() };

    match given(&line) {
        Given::Snapshot(name) => Ok((reading(&dumping.dump, &name), Some(held))),
        Given::None => plain(),
        Given::Another => Err(Problem::failed(
            "the database that answers is not the one that was looked at before",
        )
        .code(Code::ChangedMeanwhile)
        .because("nothing was dumped")
        .cure(
            "its address leads to several servers, or it was replaced meanwhile: run the command \
             again, and see whether it happens again",
        )
        .into()),
    }
}
