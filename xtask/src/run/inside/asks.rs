//! What a container is asked of its tree.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::progress::{foreign, unanswered};
use super::{Contained, GOES, PATIENCE};
use crate::door::ask::ask;
use crate::engine::files::{Excludes, Found, Inside, Lacks};
use crate::problem::{Code, Problem};

impl Contained<'_> {
    /// What the image lacks for a restore.
    pub(super) fn lacks(&self, inside: &Inside) -> Result<Lacks> {
        match Inside::lacks(&ask(&inside.seek(), self.secrets)?.out) {
            Some(lacks) => Ok(lacks),
            None => {
                inside.lacks_one_by_one(|has| Ok(Inside::is_missing(ask(has, self.secrets)?.code)))
            }
        }
    }

    /// Why a restore can't replace it.
    pub(super) fn stuck(
        &self,
        inside: &Inside,
        found: &Found,
        lacks: &Lacks,
    ) -> Result<Option<String>> {
        if !found.is_there() {
            return Ok((!found.can_undo()).then(|| {
                format!(
                    "there is no folder `{}` in the container: create it (`{} exec {} mkdir -p \
                     {}`)",
                    self.path, self.engine, self.container, self.path
                )
            }));
        }

        if let Some(why) = lacks.restore().or_else(|| foreign(inside, found)) {
            return Ok(Some(why));
        }

        let Some(changed) = inside.changed() else { return Ok(None) };
        let answer = ask(&changed, self.secrets)?;
        if !answer.good {
            return Err(unanswered(&changed, &answer.err).into());
        }

        Ok((!inside.is_made(&answer.out)).then(|| {
            format!(
                "`{}` is a folder of the container's image, which can't be renamed there: make it \
                 a volume",
                self.path
            )
        }))
    }

    /// Entries and bytes. The count fails if a file disappears meanwhile, so it is tried again.
    pub(super) fn counted(&self, inside: &Inside, found: &Found) -> Result<(u64, u64)> {
        let mut answer = ask(&inside.census(found), self.secrets)?;
        for _ in 1..GOES {
            if answer.good || Inside::is_missing(answer.code) {
                break;
            }
            answer = ask(&inside.census(found), self.secrets)?;
        }

        if answer.good {
            return Ok(Inside::counted(&answer.out));
        }
        if !Inside::is_missing(answer.code) {
            return Err(unanswered(&inside.census(found), &answer.err).into());
        }

        let (all, mut nowhere) = (Excludes::default(), std::io::sink());
        let census = match self.tar(inside)? {
            Some(tar) => self.by_tar(inside, (found, tar), &all, &mut nowhere, &mut |_| {})?,
            None => self.by_engine(inside, found, &all, &mut nowhere, &mut |_| {})?.0,
        };

        Ok((census.entries.len().saturating_sub(1) as u64, census.bytes()))
    }

    /// Waits until commands on our trees end: they outlive a killed run, and must not overlap ours.
    pub(super) fn quiet(&self, inside: &Inside) -> Result<()> {
        let begun = Instant::now();

        loop {
            let answer = ask(&inside.at_work(), self.secrets)?;
            if !answer.good {
                return Err(unanswered(&inside.at_work(), &answer.err).into());
            }

            let ours = inside.ours(&answer.out);
            if ours.is_empty() {
                return Ok(());
            }

            if begun.elapsed() > PATIENCE || self.interrupt.strikes() {
                return Err(Problem::failed(format!(
                    "a command of an earlier run is still working on `{}`",
                    self.shown()
                ))
                .code(Code::Unfinished)
                .because(ours.join("\n"))
                .cure("wait until it ends, then run the command again")
                .into());
            }

            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn is_still(&self, inside: &Inside, found: &Found, live: &str) -> Result<()> {
        if inside.id(found) == live {
            return Ok(());
        }
        Err(Problem::refused(format!(
            "`{}` is not the tree that was looked at before",
            self.shown()
        ))
        .code(Code::ChangedMeanwhile)
        .because(format!("what is kept in `{}` is unchanged", inside.own()))
        .cure("run the command again and look at the new plan")
        .rolled_back()
        .into())
    }

    pub(super) fn not_there(&self) -> Problem {
        Problem::failed(format!(
            "there is no folder `{}` in container `{}`",
            self.path, self.container
        ))
        .code(Code::FileError)
        .cure("make it, or correct its `path` in `db-tasks.toml`")
    }
}
