//! What a repository brings, and whether it may run: you say so once, for a project and a machine.

use anyhow::Result;

use super::{Intent, Session};
use crate::config::At;
use crate::facts::lent::lent;
use crate::facts::strangers::{Brought, brought, repository};
use crate::options::Global;
use crate::problem::{Code, Problem};
use crate::run::user_state::Trusted;
use crate::tasks::Touches;

/// Whether a command runs only what is not part of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wary {
    /// It only reads.
    Looks,
    /// It only reads files, and may need a program for that.
    Reads,
    /// It changes something: then it runs what the repository brings, as it runs its hooks.
    Changes,
}

impl Wary {
    fn of(touches: Touches, intent: Intent, global: &Global) -> Self {
        let waits = global.wait.is_some();
        match touches {
            Touches::Looks => Self::Looks,
            Touches::Programs if !waits => Self::Reads,
            // these only read files, unless they wait for a server
            Touches::Files | Touches::Programs if waits => Self::Looks,
            _ if intent == Intent::Show => Self::Looks,
            _ => Self::Changes,
        }
    }
}

impl Session {
    /// Records your trust in what the repository brings; without it, a command that only reads runs
    /// none of it, and sends nothing of yours to where the repository says.
    ///
    /// # Errors
    /// It would have to.
    pub fn beware(
        &mut self,
        global: &Global,
        task: &str,
        touches: Touches,
        intent: Intent,
    ) -> Result<()> {
        let (brought, lent) = (brought(&self.project, &self.env), lent(&self.project, &self.env));
        let repository = repository(&self.project.root, &self.env);
        let path = repository.display().to_string();

        if global.trust_repo {
            let all = brought.iter().chain(&lent).map(|one| (one.what.clone(), one.state.clone()));
            self.own.trust(all.chain([(path.clone(), "PATH".into())]).collect())?;
        }

        let for_all = self.env.given("DB_TASKS_TRUST_REPO").is_some()
            && self.env.says_yes("DB_TASKS_TRUST_REPO");
        let wary = Wary::of(touches, intent, global);
        self.trusted = for_all || wary == Wary::Changes || self.own.trusted().contains_key(&path);
        if !self.trusted && self.env.given("DB_TASKS_AUDIT_FILE").is_none() {
            // a stranger's file may name any
            self.project.audit = None;
        }
        if for_all || wary == Wary::Changes {
            return Ok(());
        }

        let trusted = self.own.trusted();
        let strange = untrusted(brought, &trusted);
        if !strange.is_empty() {
            return Err(refusal(task, &strange).into());
        }

        let strange = untrusted(lent, &trusted);
        if wary == Wary::Looks && !strange.is_empty() {
            return Err(would_send(task, &strange).into());
        }
        if !trusted.contains_key(&path) {
            self.env = std::mem::take(&mut self.env).wary_of(&repository);
        }

        Ok(())
    }

    /// Once a run of ours has worked with the servers, it has sent them everything: their addresses
    /// are trusted from then on.
    pub fn know_addresses(&self) {
        let lent = lent(&self.project, &self.env).into_iter().map(|one| (one.what, one.state));
        // if it can't be stored, commands that only read must ask: that does no harm
        drop(self.own.trust(lent.collect()));
    }

    /// What a run of ours created, or used to change something, is trusted from then on.
    pub fn know_clusters(&self) {
        if !self.project.databases.iter().any(|d| matches!(d.at, At::Cluster { .. })) {
            return;
        }
        let clusters =
            brought(&self.project, &self.env).into_iter().filter(|one| !one.state.is_empty());
        // if it can't be stored, commands that only read must ask: that does no harm
        drop(self.own.trust(clusters.map(|one| (one.what, one.state)).collect()));
    }
}

fn untrusted(brought: Vec<Brought>, trusted: &Trusted) -> Vec<Brought> {
    brought.into_iter().filter(|one| trusted.get(&one.what) != Some(&one.state)).collect()
}

fn refusal(task: &str, strange: &[Brought]) -> Problem {
    let what =
        strange.iter().map(|one| format!("`{}` is `{}`", one.key, one.what)).collect::<Vec<_>>();
    Problem::refused(format!(
        "`{task}` would run programs from this repository, which you have not trusted yet"
    ))
    .code(Code::Untrusted)
    .because(what.join("\n"))
    .because("nothing was run: this repository is not trusted on this machine as it is now")
    .cure(
        "look at it; then trust it on this machine with `--trust-repo`, or for one run (CI) with \
         DB_TASKS_TRUST_REPO=1",
    )
}

fn would_send(task: &str, strange: &[Brought]) -> Problem {
    let what =
        strange.iter().map(|one| format!("`{}` sends {}", one.key, one.what)).collect::<Vec<_>>();
    Problem::refused(format!(
        "`{task}` would send your environment variables to a machine that this repository names"
    ))
    .code(Code::Untrusted)
    .because(what.join("\n"))
    .because("nothing was sent: this repository is not trusted with them on this machine")
    .cure(
        "check that this host is yours; then trust the repository on this machine with \
         `--trust-repo`, or for one run (CI) with DB_TASKS_TRUST_REPO=1; this never asks about \
         variables with libpq's names (`PGPASSWORD`), `POSTGRES_…`, `DB_…` or `DATABASE_…`, about \
         values in `.env`, or about whole addresses",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trusted_is_trusted_as_it_was() {
        let one = |what: &str, state: &str| Brought {
            key: "k".into(),
            what: what.into(),
            state: state.into(),
        };

        let trusted =
            Trusted::from([("/p/bin".into(), String::new()), ("/p/pg".into(), "7 aa".into())]);

        for (brought, strange) in [
            (one("/p/bin", ""), 0),
            (one("/p/bin2", ""), 1),
            (one("/p/pg", "7 aa"), 0),
            (one("/p/pg", "8 aa"), 1),
            (one("/p/pg", "7 bb"), 1),
        ] {
            assert_eq!(untrusted(vec![brought.clone()], &trusted).len(), strange, "{brought:?}");
        }

        let said = refusal("db-status", &[one("/p/bin", "")]).to_string();
        assert!(said.contains("`k` is `/p/bin`") && said.contains("--trust-repo"), "{said}");
    }
}
