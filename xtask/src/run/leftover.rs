//! What could not be cleaned up or started again: you must know it, however the run ended.

use std::fmt;

use crate::plan::{Act, How, words};
use crate::problem::Problem;

/// Something that is not as it should be.
#[derive(Debug)]
pub struct Leftover {
    /// What could not be done, as a sentence.
    what: String,
    why: anyhow::Error,
}

impl Leftover {
    /// An act that failed after the work itself.
    pub fn of(act: &Act, why: anyhow::Error) -> Self {
        let what = match act {
            Act::Wait(wait) => format!("waiting for {} timed out", wait.what),
            // the text itself says what is done
            Act::Write(deed) if !matches!(deed.how, How::Hook(_)) => {
                format!("could not {}", deed.what)
            }
            other => format!("could not {} {}", words::verb(other), words::object(other)),
        };
        Self { what, why }
    }

    /// The manifest could not record that the backup could not be tried.
    pub fn unnoted(why: anyhow::Error) -> Self {
        Self { what: "could not note that the backup could not be tried".into(), why }
    }

    /// The journal of what is left to do could not be written.
    pub fn unwritten(why: anyhow::Error) -> Self {
        Self { what: "could not write down what is left to do".into(), why }
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:#}", self.what, self.why)
    }
}

/// How a run ended: the cause first, then what is not as it should be. If the work itself is done,
/// that is the cause.
pub(super) fn conclude(problem: Option<anyhow::Error>, left: &[Leftover]) -> Option<anyhow::Error> {
    if left.is_empty() {
        return problem;
    }

    let named = left.iter().map(|left| left.what.as_str()).collect::<Vec<_>>().join("; ");
    let reasons = left.iter().map(|left| format!("{:#}", left.why)).collect::<Vec<_>>().join("\n");
    let by_hand = "do the things named above by hand";

    let concluded = match problem {
        None => Problem::failed(format!("{named}; the work itself is done"))
            .because(reasons)
            .cure(format!("{by_hand}; do not run the command again for it")),
        Some(error) => {
            let cause = Problem::of(error);
            let cure = cause.cure.clone().map_or(String::new(), |cure| format!("; then {cure}"));
            let cause = Problem { cure: None, ..cause };
            cause
                .because(format!("and then it {named}:"))
                .because(reasons)
                .cure(format!("{by_hand}{cure}"))
        }
    };
    Some(concluded.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::Cmd;
    use crate::plan::Deed;
    use crate::problem::{Exit, Status};

    fn left() -> Vec<Leftover> {
        let start =
            Deed { what: "start the container web".into(), how: How::Command(Cmd::new("docker")) };
        vec![Leftover::of(
            &Act::Write(start),
            Problem::of_command("docker start web", Status::Code(1))
                .because("no such image")
                .into(),
        )]
    }

    #[test]
    fn what_could_not_be_started_is_the_first_line() {
        let text = |problem, left: &[Leftover]| conclude(problem, left).map(|e| e.to_string());
        assert_eq!(text(None, &[]), None);

        assert_eq!(
            text(None, &left()).unwrap(),
            "could not start the container web; the work itself is done\n  no such image\n    \
             `docker start web` ended with exit code 1\n  next: do the things named above by hand; \
             do not run the command again for it"
        );

        let cause = Problem::new(Exit::Interrupted, "interrupted")
            .because("while it ran: a dump")
            .cure("run it again");
        let both = conclude(Some(cause.into()), &left()).unwrap();
        assert_eq!(Exit::of(&both), Exit::Interrupted);

        assert_eq!(
            both.to_string(),
            "interrupted\n  while it ran: a dump\n  and then it could not start the container \
             web:\n  no such image\n    `docker start web` ended with exit code 1\n  next: do the \
             things named above by hand; then run it again"
        );
    }
}
