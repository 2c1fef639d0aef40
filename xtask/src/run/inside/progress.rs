//! What a container answers, and reading that tells how far it is.

use std::io::Read;

use crate::cmd::Cmd;
use crate::engine::files::{Found, Inside};
use crate::engine::store::Tell;
use crate::place::cure;
use crate::problem::Problem;

/// A folder with our folder's name that we did not create.
pub(super) fn foreign(inside: &Inside, found: &Found) -> Option<String> {
    let told = || {
        format!(
            "`{}` was not created by db-tasks, and a restore needs this name: move it away",
            inside.own()
        )
    };
    inside.is_foreign(found).then(told)
}

pub(super) fn unanswered(cmd: &Cmd, err: &str) -> Problem {
    let mut problem = Problem::said(err, format!("`{cmd}` did not answer"));
    problem.cure = cure(err);
    problem
}

/// Reports bytes as they pass, and knows whether their end was reached.
pub(super) struct ProgressReader<'a, 'b> {
    pub(super) from: &'a mut dyn Read,
    pub(super) bytes: u64,
    pub(super) tell: Tell<'b>,
    pub(super) ended: bool,
}

impl Read for ProgressReader<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let got = self.from.read(buf)?;
        self.bytes += got as u64;
        self.ended |= got == 0 && !buf.is_empty();
        (self.tell)(self.bytes);
        Ok(got)
    }
}
