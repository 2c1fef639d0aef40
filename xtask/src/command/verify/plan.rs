//! `db-verify`: reads a backup to its end and verifies it; `--deep` also loads it into a scratch
//! database.

mod apart;

use anyhow::Result;

use crate::bundle::Artifact;
use crate::bundle::manifest::Noted;
use crate::cmd::quoted;
use crate::command::restore::plan::{
    Staging, Use, author, author_may, fits_server, fits_the_disk, is_a_database, may_create, stage,
    stands_beside, stranger,
};
use crate::config::Guards;
use crate::engine::postgres::change::admin;
use crate::engine::postgres::client::name::beside;
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::facts::trial::Apart;
use crate::plan::{
    Act, Deed, How, Outcome, Pipe, Plan, Proof, Purpose, Risk, Scope, Seal, Sink, Source, Step,
};
use crate::planning::marked::leftovers;
use crate::planning::noted::noted;
use crate::planning::sessions::end_sessions;
use crate::tasks;
use crate::value::{Address, Change, Format, Trust};

/// What a trial restore of one database needs.
pub struct Trial {
    /// The database on whose server it is made.
    pub target: Surveyed,
    /// Its dump.
    pub dump: Dump,
    /// Free bytes on the server's disk, if it is on this machine.
    pub disk_left: Option<u64>,
    /// How far it is trusted.
    pub trust: Trust,
    /// Where it is made.
    pub ground: TrialPlace,
}

/// Where a trial is made.
pub enum TrialPlace {
    /// On the target's server. For an untrusted file there is a reason, in words.
    Server(Option<String>),
    /// In a throw-away cluster on this machine.
    Apart(Box<Apart>),
}

/// Plans a quick verification: reads to the end, checksum, end marker, rows per table. A word on the
/// backup is noted when all of it was read: a good one after the first part would hide that another
/// is bad.
pub fn quick(dumps: &[Dump]) -> Plan {
    let body = dumps.iter().map(|dump| Step::Act(read(dump))).collect();
    let good = if dumps.iter().any(is_sealed) { None } else { Some(Outcome::Good) };
    let steps = dumps.first().map(|first| recorded(first, "quick", body, good));

    let plan = plan(dumps, steps.into_iter().collect());
    let sealed = dumps.iter().filter(|dump| is_sealed(dump)).map(|dump| {
        format!(
            "no key opens `{}` here: its checksum is compared, and what is in it is not checked",
            dump.file().file_name().unwrap_or_default().to_string_lossy()
        )
    });
    Plan { notes: plan.notes.iter().cloned().chain(sealed).collect(), ..plan }
}

/// Whether nobody here can read it.
pub fn is_sealed(dump: &Dump) -> bool {
    matches!(dump.source, Source::Sealed(_))
}

/// A store's artifact, and where a trial restore of it can be staged: nowhere, with the reason.
pub struct StoreTrial {
    /// The artifact.
    pub dump: Dump,
    /// The store.
    pub place: Result<Address, String>,
}

/// Plans a trial restore of each database into a scratch one, and of each tree next to the live
/// one; both are always removed again. What can't be staged is read to its end: a store's artifact
/// has the digests of everything in it.
pub fn deep(guards: &Guards, trials: &[Trial], stores: &[StoreTrial]) -> Result<Plan> {
    let mut body: Vec<Step> = stores.iter().map(StoreTrial::step).collect();
    for trial in trials {
        body.extend(trial.steps(guards)?);
    }

    let dumps: Vec<Dump> = trials
        .iter()
        .map(|trial| &trial.dump)
        .chain(stores.iter().map(|s| &s.dump))
        .cloned()
        .collect();

    let steps = dumps
        .first()
        .map(|first| recorded(first, how(&dumps), body, Some(Outcome::Good)))
        .into_iter()
        .collect();
    let risk = trials.iter().find_map(Trial::risk).unwrap_or(Risk::Nothing);
    let author = |trial: &Trial| author(trial.server(), &trial.dump);
    let notes = trials.iter().flat_map(|trial| {
        let fit = trial.dump.fit.notes.iter().cloned();
        trial.note().into_iter().chain(fit).chain(author_may(author(trial), &trial.dump))
    });
    let notes = notes.chain(stores.iter().filter_map(StoreTrial::note)).collect();

    let author = trials.iter().find_map(author);
    Ok(Plan { risk, notes, author, ..plan(&dumps, steps) })
}

fn read(dump: &Dump) -> Act {
    Act::Pipe(Box::new(Pipe {
        store: store(dump),
        format: dump.artifact.as_ref().map_or(Format::Script, |a| a.format()),
        from: dump.source.clone(),
        to: Sink::Nowhere,
        proof: Proof {
            sum: dump.artifact.as_ref().map(|a| a.checksum.clone()),
            rows: dump.artifact.as_ref().map(|a| a.tables().to_vec()),
            contents: dump.artifact.as_ref().and_then(Artifact::contents),
            expected_bytes: dump.artifact.as_ref().map(|a| a.plain_bytes),
            ..Proof::default()
        },
    }))
}

impl StoreTrial {
    fn step(&self) -> Step {
        let Act::Pipe(pipe) = read(&self.dump) else { return Step::Act(read(&self.dump)) };
        let Ok(address) = &self.place else { return Step::Act(Act::Pipe(pipe)) };
        // links that lead out are allowed: nothing is written through one, and only we can enter
        // the folder
        let proof = Proof { trust: Trust::Script, ..pipe.proof.clone() };
        let key = pipe.store.clone();

        let body = vec![Step::Act(Act::Pipe(Box::new(Pipe {
            to: Sink::Stage(address.clone()),
            proof,
            ..*pipe
        })))];

        let unstage =
            Act::Remove(Deed { what: key, how: How::Change(address.clone(), Change::Unstage) });

        Step::Scope(Scope { body, finally: vec![unstage], ..Scope::default() })
    }

    fn note(&self) -> Option<String> {
        self.place
            .as_ref()
            .err()
            .map(|why| format!("`{}` is read, but not staged: {why}", store(&self.dump)))
    }
}

impl Trial {
    /// The server that it is made on.
    pub fn server(&self) -> &Surveyed {
        match &self.ground {
            TrialPlace::Server(_) => &self.target,
            TrialPlace::Apart(apart) => &apart.target,
        }
    }

    /// What it puts at risk on the target's server.
    fn risk(&self) -> Option<Risk> {
        match &self.ground {
            TrialPlace::Server(_) => stranger(&self.target, &self.dump, Purpose::Trial),
            TrialPlace::Apart(_) => None,
        }
    }

    fn note(&self) -> Option<String> {
        let file = &self.dump.backup.name;
        match &self.ground {
            TrialPlace::Server(why) => why.as_ref().map(|why| {
                format!("`{file}` is tried on the server of `{}` itself: {why}", self.target.name())
            }),
            TrialPlace::Apart(apart) => Some(format!(
                "`{file}` is untrusted: it is tried in a throw-away cluster of PostgreSQL {} on \
                 this machine, and nothing of it runs on the server of `{}` (`--on-server` tries \
                 it there)",
                apart.cluster.found.programs.major,
                self.target.name()
            )),
        }
    }

    fn steps(&self, guards: &Guards) -> Result<Vec<Step>> {
        let Self { target, dump, trust, .. } = self;
        is_a_database(dump)
            .map_err(|problem| problem.cure("`db-verify` without `--deep` reads it"))?;
        fits_server(target, dump).map_err(|problem| {
            problem.cure("verify it on a server of its own version or a newer one")
        })?;

        match (&self.ground, dump.loader()) {
            (TrialPlace::Apart(apart), Some(loader)) => {
                fits_the_disk(dump, apart.disk_left)?;
                Ok(apart::steps(apart, dump, loader, *trust))
            }
            _ => self.on_the_server(guards),
        }
    }

    fn on_the_server(&self, guards: &Guards) -> Result<Vec<Step>> {
        let Self { target, dump, disk_left, trust, .. } = self;
        stands_beside(dump).map_err(|problem| {
            problem.cure(
                "`db-verify` without `--deep` reads it to the end and checks checksum, end marker \
                 and rows; `db-restore --in-place` can restore it",
            )
        })?;

        may_create(target)?;
        fits_the_disk(dump, *disk_left)?;

        let scratch = beside(target.name(), "scratch");
        let mut steps = leftovers(target, guards, &[&scratch])?;
        let Staging { steps: body, finally } = stage(target, dump, *trust, &scratch, Use::Scratch);
        let finally =
            std::iter::once(admin::drop(&target.client, &scratch)).chain(finally).collect();

        steps.push(Step::Scope(Scope {
            body,
            on_failure: vec![end_sessions(target)],
            finally,
            ..Scope::default()
        }));
        Ok(steps)
    }
}

/// What a trial covers: without owners and rights it does not cover the whole backup.
fn how(dumps: &[Dump]) -> &'static str {
    let whole = dumps
        .iter()
        .all(|dump| dump.fit.without.claims.is_empty() && dump.fit.without.extensions.is_empty());
    if whole { "deep" } else { "deep (without owners and rights)" }
}

fn store(dump: &Dump) -> String {
    dump.artifact.as_ref().map_or_else(|| dump.backup.name.clone(), |a| a.store.clone())
}

/// The outcome is noted beside the manifest, if there is one to note; a foreign file has none. A success is recorded outside
/// the scope that records a failure: if the disk is too full to write it, the backup has not
/// failed.
fn recorded(dump: &Dump, how: &'static str, body: Vec<Step>, good: Option<Outcome>) -> Step {
    let seal = |outcome| {
        let manifest_path = dump.backup.manifest_path.clone()?;
        Some(Act::Seal(Box::new(Seal::Verified { manifest_path, how, outcome })))
    };
    let proof =
        Scope { body, on_failure: seal(Outcome::Bad).into_iter().collect(), ..Scope::default() };
    let body = [Step::Scope(proof)].into_iter().chain(good.and_then(seal).map(Step::Act)).collect();

    noted(dump.backup.manifest_path.as_deref(), body)
}

/// A pin that would be lost with notes that are written anew.
fn perhaps_pinned(dump: &Dump) -> Option<String> {
    let backup = &dump.backup;
    let Noted::Unusable(why) = &backup.manifest()?.noted else { return None };
    let pin = format!("{} {}", tasks::PIN.name, quoted(&backup.name));

    why.is_ours_to_replace().then(|| {
        format!("{why}, and may have held a pin: the backup stays until you say `{pin}` or `{pin} --unpin`")
    })
}

fn plan(dumps: &[Dump], steps: Vec<Step>) -> Plan {
    let names: Vec<String> = dumps
        .iter()
        .map(|d| d.file().file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    let backup = dumps.first().map(|d| d.backup.path.clone());

    Plan {
        notes: dumps.first().and_then(perhaps_pinned).into_iter().collect(),
        steps,
        backup,
        ..Plan::bare(tasks::VERIFY.name, format!("verify {}", names.join(", ")), Risk::Nothing)
    }
}
