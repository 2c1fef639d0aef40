//! A backup of a tree in a container, by the image's own `tar`.

use std::io::Write;

use anyhow::Result;

use super::Contained;
use crate::cmd::Cmd;
use crate::engine::files::{Census, Links, sluice};
use crate::engine::store::Tell;
use crate::problem::{Exit, Problem};

/// What GNU tar says of files that change while it reads them.
const MOVED: [&str; 3] = ["file changed as we read it", "ile removed before we read it", "File shrank by"];

impl Contained<'_> {
    /// What the image's own `tar` makes of the tree. Where it says that files changed meanwhile, what it made is no copy of one time.
    pub(super) fn dumped(&self, cmd: &Cmd, out: &mut dyn Write, tell: Tell<'_>) -> Result<Census> {
        let mut taken = None;
        let passed =
            self.passed(cmd, &mut |from| sluice(from, out, Links::OfTree).inspect(|census| taken = Some(census.clone())), tell);
        match (passed.map_err(|e| e.downcast::<Problem>()), taken) {
            (Ok(census), _) => Ok(census),
            (Err(Ok(problem)), Some(mut census)) if problem.tried.ends_with("ended with exit code 1") => {
                // GNU tar: 1 says that files differ from what they were, and nothing else (2 is for the rest)
                if problem.happened.iter().all(|line| census.is_told_changed(line)) { Ok(census) } else { Err(problem.into()) }
            }
            (Err(Ok(problem)), _) => Err(problem.into()),
            (Err(Err(other)), _) => Err(other),
        }
    }

    pub(super) fn undumped(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<Problem>() {
            Ok(problem) if problem.exit == Exit::Refused => {
                Problem::failed(format!("`{}` can't be backed up whole", self.shown()))
                    .because(problem.happened.join("\n"))
                    .cure("take out of the tree what is named above")
                    .into()
            }
            Ok(problem) if MOVED.iter().any(|words| problem.happened.iter().any(|line| line.contains(words))) => {
                problem.cure("something writes there: stop it, and run the command again").into()
            }
            Ok(problem) => problem.into(),
            Err(other) => other,
        }
    }
}
