//! A backup of a tree in a container, by the image's own `tar`.

use std::io::{Read, Write};

use anyhow::Result;

use super::Contained;
use crate::cmd::Cmd;
use crate::engine::files::{Excludes, Found, Inside, Rest, Tar, filter_but, scan_but};
use crate::engine::store::Tell;
use crate::problem::{Code, Exit, Problem, Status};
use crate::value::tree::{Census, differences};

/// What GNU tar says of files that change while it reads them.
const MOVED: [&str; 3] =
    ["file changed as we read it", "ile removed before we read it", "File shrank by"];

/// How many bytes of names to give to one command.
const NAMES: usize = 1 << 20;

/// What passed, and what is still to come.
type Dumped = (Census, Rest);

impl Contained<'_> {
    /// A backup by the image's own `tar`. A file that passed under an excluded name is read again
    /// under its other names.
    pub(super) fn by_tar(
        &self,
        inside: &Inside,
        (found, tar): (&Found, Tar),
        excludes: &Excludes,
        out: &mut dyn Write,
        tell: Tell<'_>,
    ) -> Result<Census> {
        let (mut census, rest) =
            self.dumped(&inside.dump_with_tar(found, tar), excludes, out, tell)?;

        if !tar.tells_attributes() {
            census.note_attributes_unknown();
        }
        if rest.names.is_empty() {
            return Ok(census);
        }

        let names: Option<Vec<&str>> =
            rest.names.iter().map(|name| str::from_utf8(name.bytes()).ok()).collect();
        let bytes = |names: &Vec<&str>| names.iter().map(|name| name.len()).sum::<usize>();
        let names = names.filter(|names| bytes(names) < NAMES).ok_or_else(|| self.torn(&rest))?;
        let (more, none) =
            self.dumped(&inside.dump_some(&names, tar), &Excludes::default(), out, &mut |_| {})?;

        census.remarks.extend(more.remarks);
        census.entries.extend(more.entries);

        self.whole(census, &none)
    }

    /// A dump by the engine silently leaves out what it can't read, so it is read twice.
    pub(super) fn by_engine(
        &self,
        inside: &Inside,
        found: &Found,
        excludes: &Excludes,
        out: &mut dyn Write,
        tell: Tell<'_>,
    ) -> Result<Dumped> {
        let cmd = inside.dump_by_engine(found)?;
        let mut rest = Rest::default();
        let mut let_through = |from: &mut dyn Read| {
            let (census, left) = filter_but(from, out, excludes)?;
            rest = left;
            Ok(census)
        };

        let mut census = self.passed(&cmd, &mut let_through, tell)?;
        let again = self.passed(&cmd, &mut |from| scan_but(from, excludes), &mut |_| {})?;
        match differences(&census, &again).first() {
            None => {
                // docker itself only reports capabilities
                census.note_attributes_unknown();
                Ok((census, rest))
            }
            Some(one) => {
                Err(Problem::failed(format!("`{}` changed while it was read", self.shown()))
                    .code(Code::ChangedMeanwhile)
                    .because(one.to_string())
                    .cure("stop what writes there, and run the command again")
                    .into())
            }
        }
    }

    /// What is read in one pass must be complete.
    pub(super) fn whole(&self, census: Census, rest: &Rest) -> Result<Census> {
        if rest.names.is_empty() { Ok(census) } else { Err(self.torn(rest).into()) }
    }

    fn torn(&self, rest: &Rest) -> Problem {
        let told: Vec<String> = rest.names.iter().take(3).map(|name| format!("`{name}`")).collect();
        Problem::failed(format!("`{}` can't be backed up without the excluded files", self.shown()))
            .code(Code::BackupIncomplete)
            .because(format!(
                "{} of its files have another name that is excluded: {}",
                rest.names.len(),
                told.join(", ")
            ))
            .cure(
                "exclude all names of such a file, or none; with GNU tar in the image most of them \
                 can be read",
            )
    }

    /// The archive that the image's own `tar` makes of the tree. If it says that files changed
    /// meanwhile, the copy is not consistent; changes of excluded files do not matter.
    fn dumped(
        &self,
        cmd: &Cmd,
        excludes: &Excludes,
        out: &mut dyn Write,
        tell: Tell<'_>,
    ) -> Result<Dumped> {
        let (mut taken, mut rest) = (None, Rest::default());
        let mut let_through = |from: &mut dyn Read| {
            let (census, left) = filter_but(from, out, excludes)?;
            rest = left;
            taken = Some(census.clone());
            Ok(census)
        };

        let passed = self.passed(cmd, &mut let_through, tell);
        match (passed.map_err(|e| e.downcast::<Problem>()), taken) {
            (Ok(census), _) => Ok((census, rest)),
            (Err(Ok(problem)), Some(mut census)) if problem.ended == Some(Status::Code(1)) => {
                // GNU tar: exit code 1 only means that files changed (2 is for everything else)
                let all_told = problem.happened.iter().all(|line| census.is_told_changed(line));
                census
                    .remarks
                    .retain(|remark| !remark.what.spoils() || !excludes.reach(&remark.name));
                if all_told { Ok((census, rest)) } else { Err(problem.into()) }
            }
            (Err(Ok(problem)), _) => Err(problem.into()),
            (Err(Err(other)), _) => Err(other),
        }
    }

    pub(super) fn undumped(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<Problem>() {
            Ok(problem) if problem.exit == Exit::Refused => {
                Problem::failed(format!("`{}` can't be backed up completely", self.shown()))
                    .code(Code::BackupIncomplete)
                    .because(problem.happened.join("\n"))
                    .cure("move what is named above out of the tree")
                    .into()
            }
            Ok(problem)
                if MOVED
                    .iter()
                    .any(|words| problem.happened.iter().any(|line| line.contains(words))) =>
            {
                problem.cure("a program writes there: stop it, and run the command again").into()
            }
            Ok(problem) => problem.into(),
            Err(other) => other,
        }
    }
}
