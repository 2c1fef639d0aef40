//! A swap in a container is done step by step, and completed if it was cut short.

use anyhow::Result;

use super::{Contained, GOES};
use crate::door::Interrupt;
use crate::engine::files::{Found, Inside};
use crate::plan::Act;
use crate::problem::{Code, Exit, Problem};
use crate::run::deed;

impl Contained<'_> {
    pub(super) fn finished(&self, inside: &Inside) -> Result<Found> {
        let mut last = Ok(());

        for _ in 0..GOES {
            let Some(found) = self.seen(inside)? else {
                return Err(Problem::failed(format!(
                    "the image of `{}` has no `stat`",
                    self.container
                ))
                .code(Code::Unsupported)
                .cure("a tree there can be backed up, but not replaced or emptied")
                .into());
            };

            if !found.cut_short() {
                return Ok(found);
            }

            last = self.perform(&inside.finish(&found)?);

            if self.interrupt.strikes() {
                break;
            }
        }

        last?;

        Err(Problem::failed(format!("the swap of `{}` can't be completed", self.shown()))
            .code(Code::Unfinished)
            .because(format!(
                "both trees are complete, in `{}` and in `{}`",
                self.path,
                inside.own()
            ))
            .cure("stop what writes there, and run `db-repair`")
            .into())
    }

    /// A swap that has begun is completed, unless a signal came: then the next run completes it.
    pub(super) fn swapped(&self, inside: &Inside, before: &Found, acts: &[Act]) -> Result<()> {
        let done = self.perform(acts);
        if self.interrupt.strikes() {
            return done;
        }

        let now = self.finished(inside)?;
        // an interrupted client may report success without having done anything
        if inside.id(&now) == inside.id(before) {
            done?;
            return Err(Problem::failed(format!("`{}` was not swapped", self.shown()))
                .cure("run the command again")
                .rolled_back()
                .into());
        }

        Ok(())
    }

    /// Does the acts, and stops between two if a signal came: one can't be stopped there.
    pub(super) fn perform(&self, acts: &[Act]) -> Result<()> {
        let unheard = Interrupt::default();
        acts.iter().try_for_each(|act| {
            if self.interrupt.strikes() {
                return Err(Problem::new(Exit::Interrupted, "interrupted").into());
            }

            match act {
                Act::Check(check) => deed::check(check, self.secrets, &unheard),
                Act::Create(deed) | Act::Rename(deed) | Act::Remove(deed) | Act::Write(deed) => {
                    deed::command(deed, self.secrets, &unheard).map(drop)
                }
                Act::Pipe(_) | Act::Wait(_) | Act::Seal(_) => {
                    anyhow::bail!("a tree in a container can't be changed this way")
                }
            }
        })
    }
}
