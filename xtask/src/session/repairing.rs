//! What an earlier run left to be cleaned up.

use anyhow::Result;

use super::{Intent, Session};
use crate::door::children::Process;
use crate::gate::Consent;
use crate::planning::repair;
use crate::problem::{Code, Exit, Problem};
use crate::run;
use crate::run::journal::{self, Unfinished};
use crate::tasks;
use crate::ui::person::Telling;

/// Who cleans up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// You asked for it.
    Asked,
    /// A run with another purpose.
    OnTheWay,
}

impl Session {
    /// Cleans up after a killed run. What can't be done stays on the list, and blocks nobody; the
    /// run that finds it reports it in full, and so does `db-repair`. Later runs try again
    /// silently.
    pub fn repair(&mut self, intent: Intent, occasion: Occasion) -> Result<()> {
        let Some(left) = self.unfinished() else { return Ok(()) };
        let was_told = occasion == Occasion::OnTheWay
            && !left.pending.is_empty()
            && left.pending.iter().all(|deed| deed.told);

        if intent == Intent::Run
            && let Err(e) = self.end_hooks(&left)
        {
            // it must not collide with restored data: all of it waits for the next run
            self.person.say(&format!("{e:#}"));
            return Ok(());
        }

        let telling = was_told.then(|| self.person.turn(Telling::Nothing));
        let now = if occasion == Occasion::OnTheWay { repair::on_the_way(&left) } else { left };
        let done = self.carry_out(repair::plan(&now), Consent::Yes, intent);

        if let Some(telling) = telling {
            self.person.turn(telling);
        }

        if let Err(e) = done
            && !was_told
        {
            self.person.say(&format!("{e:#}"));
        }

        if intent == Intent::Show {
            return Ok(());
        }

        self.say_what_is_left(was_told);
        self.mark_as_told()
    }

    fn mark_as_told(&self) -> Result<()> {
        let Some(mut left) = self.unfinished() else { return Ok(()) };
        left.pending.iter_mut().for_each(|deed| deed.told = true);
        journal::write(&self.project.state_dir(), &self.own, &left)
    }

    /// What is still to be done, with the ways out; one line, if all of it was reported before.
    fn say_what_is_left(&mut self, was_told: bool) {
        let still = self.unfinished().map_or(Vec::new(), |left| repair::numbered(&left));
        match still.len() {
            0 => {}
            n if was_told => {
                let deeds = if n == 1 {
                    "a clean-up step of an earlier run is".into()
                } else {
                    format!("{n} clean-up steps of an earlier run are")
                };

                self.person
                    .tell(&format!("note: {deeds} not done yet: run `db-repair` for details"));
            }
            _ => {
                let ways_out = self.typed.text(repair::WAYS_OUT);
                self.person.say(&format!(
                    "clean-up is not finished:\n  {}\n  {ways_out}",
                    still.join("\n  ")
                ));
            }
        }
    }

    /// What `db-repair` could not do, and why.
    pub fn still_to_do(&self, deeds: Vec<String>, inside: usize) -> Problem {
        let (count, told) = (deeds.len() + inside, deeds.join("\n"));

        if self.interrupted() {
            let cut = format!(
                "interrupted: {} to be done",
                if count == 1 { "a clean-up step is still" } else { "clean-up steps are still" }
            );
            return Problem::new(Exit::Interrupted, cut)
                .because(told)
                .cure("run `db-repair` again; repeating a clean-up step is safe");
        }

        let what = if count == 1 {
            "a clean-up step failed".into()
        } else {
            format!("{count} clean-up steps failed")
        };

        Problem::failed(what)
            .because(told)
            .because(self.record.left_behind(tasks::REPAIR.name).join("\n"))
            .cure(repair::WAYS_OUT)
    }

    /// Forgets one clean-up step that can't succeed: you said that it no longer matters.
    pub fn forget(&mut self, number: usize) -> Result<Exit> {
        let left = self.unfinished();
        let all = left.as_ref().map_or(Vec::new(), repair::numbered);
        let (Some(mut left), Some(told)) = (left, number.checked_sub(1).and_then(|at| all.get(at)))
        else {
            let known = if all.is_empty() {
                "nothing is left to be cleaned up".into()
            } else {
                all.join("\n")
            };
            return Err(Problem::usage(format!("there is no clean-up step {number} to forget"))
                .code(Code::Unfinished)
                .because(known)
                .into());
        };

        left.pending.remove(number - 1);
        journal::write(&self.project.state_dir(), &self.own, &left)?;
        self.write_down("db-repair --forget", None);

        self.print(&format!("forgotten: {told}"))
    }

    /// Terminates the hooks that outlived their run, and forgets them.
    fn end_hooks(&self, left: &Unfinished) -> Result<()> {
        left.hook.iter().for_each(Process::end);
        left.inside.iter().try_for_each(run::end_inside)?;
        journal::write(
            &self.project.state_dir(),
            &self.own,
            &Unfinished { hook: None, inside: Vec::new(), ..left.clone() },
        )
    }
}
