//! Where a trial is made: our own backups on their own server, untrusted files elsewhere.

use anyhow::Result;

use super::Verify;
use crate::command::verify::plan::TrialPlace;
use crate::engine::cluster::throw_away;
use crate::engine::postgres::client::said::is_denied;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::facts::dumps::Stranger;
use crate::facts::loader::within;
use crate::facts::trial::{self, Apart};
use crate::plan::Word;
use crate::problem::{Exit, Problem};
use crate::session::Session;
use crate::session::author::{Way, attended, is_strange, new_role};

/// The dump, with the role that loads it, and where. Our own backups must load on their server; so
/// must trusted ones.
pub(super) fn ground(
    session: &mut Session,
    target: &Surveyed,
    dump: Dump,
    args: &Verify,
    number: usize,
) -> Result<(Dump, TrialPlace)> {
    let is_meant = args.on_server || args.trust.is_some();
    if is_meant || !is_strange(session, target, &dump) {
        return Ok((
            attended(session, target, dump, args.trust, Way::Beside)?,
            TrialPlace::Server(None),
        ));
    }

    match beside(session, target, &dump, number)? {
        Ok((apart, stranger)) => {
            Ok((Dump { stranger: Some(stranger), ..dump }, TrialPlace::Apart(Box::new(apart))))
        }
        Err(why) => {
            Ok((attended(session, target, dump, None, Way::Beside)?, TrialPlace::Server(Some(why))))
        }
    }
}

/// A throw-away cluster for it, or why there can't be one.
fn beside(
    session: &mut Session,
    target: &Surveyed,
    dump: &Dump,
    number: usize,
) -> Result<Result<(Apart, Stranger), String>> {
    let folder = session.project.state_dir().join(throw_away::named(&session.moment.run, number));
    let apart = match trial::look(&session.surveyor(), target, dump, &folder)? {
        Ok(apart) => apart,
        Err(why) => return Ok(Err(why)),
    };
    let new = new_role(session, target);
    let loader = match within(apart.target.server.locks, dump, new, &mut session.project.secrets)? {
        Ok(loader) => loader,
        Err(why) => return Ok(Err(why)),
    };

    if let Some(why) = apart.lacks(&loader) {
        return Ok(Err(why));
    }

    Ok(Ok((apart, Stranger { by: Ok(loader), word: Word::Missing })))
}

/// What a throw-away cluster lacks, the server may have.
pub(super) fn apart(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Problem>() {
        Ok(problem) if problem.exit == Exit::Failed => {
            let problem =
                problem.because("it was tried in a throw-away cluster, which is removed again");

            // the file is the same there, and so are the role's rights
            if problem.ended.is_none() || is_denied(problem.state.as_deref()) {
                return problem.into();
            }

            let also = "`--on-server` tries it on the database's own server, with a loader role";
            let cure = problem
                .cure
                .as_ref()
                .map_or_else(|| also.to_owned(), |cure| format!("{cure}; or, {also}"));

            problem.cure(cure).into()
        }
        Ok(problem) => problem.into(),
        Err(error) => error,
    }
}
