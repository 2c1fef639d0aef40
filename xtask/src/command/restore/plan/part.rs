//! What a restore does for one database or one store.

use anyhow::Result;

use super::brought::brought_along;
use super::checks::{
    carriable, changeable, fits_the_disk, may_create, stands_beside, suits, suits_store, swappable,
};
use super::holds::{failed_goes, holds as what_it_holds, older_goes};
use super::request::Request;
use super::staging::{Staging, Use, stage, unstage};
use super::stranger::author;
use crate::bundle::Artifact;
use crate::config::Project;
use crate::engine::postgres::catalog::marks::{self, MovedAside};
use crate::engine::postgres::change::admin;
use crate::engine::postgres::client::name::{beside, previous};
use crate::facts::dumps::Dump;
use crate::facts::{Surveyed, SurveyedStore};
use crate::human::holds;
use crate::plan::{Act, Author, Deed, How, Pipe, Proof, Sink, Stake, Step};
use crate::planning::marked::{leftovers, live_is, older_may_go};
use crate::planning::replacing::{Replacing, older, unsubscribed};
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem};
use crate::tasks;
use crate::value::{Address, Change, Contents, Swapped, Trust, keeps_auto_ids, tree};

/// What is restored, where, and from what.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    /// A database.
    Database {
        /// As it is.
        target: &'a Surveyed,
        /// Its dump.
        dump: &'a Dump,
        /// Free bytes on the server's disk, if it is on this machine.
        disk_left: Option<u64>,
    },
    /// A store.
    Store {
        /// As it is.
        target: &'a SurveyedStore,
        /// Its artifact.
        dump: &'a Dump,
    },
}

impl Subject<'_> {
    /// The author of its dump, if that is untrusted.
    pub fn author(&self) -> Option<Author> {
        match self {
            Self::Database { target, dump, .. } => author(target, dump),
            Self::Store { .. } => None,
        }
    }

    /// The database that an earlier restore kept, and this one drops.
    pub fn drops(&self) -> Option<String> {
        match self {
            Self::Database { target, .. } => older(target).map(|older| older.name.clone()),
            Self::Store { .. } => None,
        }
    }

    /// Its key.
    pub fn key(&self) -> &str {
        match self {
            Self::Database { target, .. } => &target.spec.key,
            Self::Store { target, .. } => target.key(),
        }
    }
}

/// One part of a restore: all are staged, then all are swapped in.
pub struct Part {
    /// `app` (localhost)
    pub name: String,
    /// What an earlier run left.
    pub before: Vec<Step>,
    /// Creates it next to the live one, and verifies it.
    pub stage: Vec<Step>,
    /// Removes that.
    pub unstage: Vec<Act>,
    /// Makes it live.
    pub swap: Act,
    /// What was moved aside is kept for an undo from now on, once all parts are live.
    pub let_go: Option<Act>,
    /// Swaps back, if another part failed; may run twice, or late.
    pub back: Vec<Act>,
    /// Removes what it brought, once the others are swapped back: only in this run, because later
    /// it may be in use.
    pub at_once: Option<Act>,
    /// Removes what a second undo would have needed, and what only this run needed.
    pub settle: Vec<Act>,
    /// What is live, if anything.
    pub stake: Option<Stake>,
    /// What the backup holds, and other notes.
    pub notes: Vec<String>,
    /// Where the old data stays.
    pub kept: Option<String>,
}

impl Part {
    /// What a restore does for this one.
    pub fn of(
        subject: &Subject<'_>,
        project: &Project,
        request: &Request,
        company: Restored,
    ) -> Result<Self> {
        match subject {
            Subject::Database { target, dump, disk_left } => {
                suits(target, dump, request)?;
                stands_beside(dump).map_err(|e| {
                    e.cure(
                        "`db-restore --in-place` loads into the live database itself, and backs \
                         it up first",
                    )
                })?;

                changeable(target)?;
                may_create(target).map_err(or_in_place)?;
                fits_the_disk(dump, *disk_left).map_err(or_in_place)?;

                Self::of_database(target, dump, project, request.trust, company)
            }
            Subject::Store { target, dump } => {
                suits_store(target.key(), dump, request)?;
                Self::of_store(target, dump, request.trust)
            }
        }
    }

    fn of_database(
        target: &Surveyed,
        dump: &Dump,
        project: &Project,
        trust: Trust,
        company: Restored,
    ) -> Result<Self> {
        let (name, client) = (target.name(), &target.client);
        swappable(target)?;

        let live = target.live();
        let staged = beside(name, "staged");

        older(target).map_or(Ok(()), |older| older_may_go(target, older, &project.guards))?;
        live_is(target, marks::Use::Replace, &project.guards)?;

        let aside = company.aside(tasks::RESTORE.name, target, project);
        let brought = dump.database().map(|d| brought_along(d, dump, target));

        let replacing = Replacing::of(target, brought.as_ref(), aside);

        let failed = admin::failed(name);
        let Staging { steps, finally } = stage(target, dump, trust, &staged, Use::Kept);
        // a psql that outlived its run must not swap once the others are swapped back
        let back = replacing.back().map_or(Vec::new(), |back| vec![end_sessions(target), back]);

        Ok(Self {
            name: format!("`{name}` ({})", target.at()),
            before: carriable(target)
                .into_iter()
                .chain(company.leftovers(target, project, &replacing)?)
                .collect(),
            stage: steps,
            unstage: unstage(target, &staged),
            swap: replacing.swap(),
            let_go: replacing.let_go(),
            back,
            at_once: live.map(|_| admin::drop(client, &failed)),
            settle: replacing
                .drop_older()
                .into_iter()
                .chain(unsubscribed(target))
                .chain(finally)
                .collect(),
            stake: live.map(|_| target.stake()),
            notes: company.notes(target, dump),
            kept: live.map(|_| stays_as(&previous(name))),
        })
    }

    fn of_store(target: &SurveyedStore, dump: &Dump, trust: Trust) -> Result<Self> {
        let (key, address) = (target.key(), &target.address);
        can_be_replaced(target, dump)?;

        let contents = dump.artifact.as_ref().and_then(Artifact::contents);
        links_are_trusted(key, contents.as_ref(), trust)?;

        let live = target.held.id.clone();
        let change = |what: &str, change| Deed {
            what: what.into(),
            how: How::Change(address.clone(), change),
        };

        Ok(Self {
            name: format!("`{key}` ({address})"),
            before: Vec::new(),
            stage: vec![staged(target, dump, contents.clone(), trust)],
            unstage: vec![Act::Remove(change(key, Change::Unstage))],
            swap: Act::Rename(change(key, Change::Swap { live: live.clone() })),
            let_go: None,
            back: vec![Act::Rename(change(
                key,
                Change::Back { live: live.clone(), from: Swapped::In },
            ))],
            at_once: None,
            settle: vec![Act::Remove(change(key, Change::Settle))],
            stake: (!live.is_empty()).then(|| target.stake()),
            notes: store_notes(target, contents.as_ref()),
            kept: (!live.is_empty())
                .then(|| format!("the old data of `{key}` is kept: `db-undo` swaps it back")),
        })
    }
}

fn stays_as(previous: &str) -> String {
    format!("the old data is kept as the database `{previous}`: `db-undo` swaps it back")
}

/// A store of the same kind, in which nothing is in the way.
fn can_be_replaced(target: &SurveyedStore, dump: &Dump) -> Result<()> {
    let (key, format) = (target.key(), target.address.format());

    if let Some(other) = dump.artifact.as_ref().filter(|a| a.format() != format) {
        return Err(Problem::refused(format!(
            "the backup has `{key}` as another kind of store: {}",
            other.format().kind()
        ))
        .code(Code::BackupUnfit)
        .cure("restore the parts that have not changed, each with `--only NAME`")
        .into());
    }

    target.held.stuck.as_ref().map_or(Ok(()), |why| {
        Err(Problem::refused(format!("`{key}` can't be replaced"))
            .because(why)
            .because("nothing was changed")
            .cure("fix that first; `db-doctor` checks it")
            .into())
    })
}

/// Creates it next to the live one.
fn staged(target: &SurveyedStore, dump: &Dump, contents: Option<Contents>, trust: Trust) -> Step {
    let artifact = dump.artifact.as_ref();

    let pipe = Pipe {
        store: target.key().into(),
        format: target.address.format(),
        from: dump.source.clone(),
        to: Sink::Stage(target.address.clone()),
        proof: Proof {
            sum: artifact.map(|a| a.checksum.clone()),
            contents,
            trust,
            expected_bytes: artifact.map(|a| a.plain_bytes),
            ..Proof::default()
        },
    };
    Step::Act(Act::Pipe(Box::new(pipe)))
}

/// What the backup has of it, and what goes.
fn store_notes(target: &SurveyedStore, contents: Option<&Contents>) -> Vec<String> {
    let key = target.key();
    let held = contents.map(|c| format!("{key}: the backup has {}", holds(c)));
    let lost = contents.map_or(Vec::new(), Contents::lost);
    let goes = target.held.can_undo.then(|| {
        format!(
            "{key}: what the last restore kept will be removed: only one previous state is kept"
        )
    });

    held.into_iter()
        .chain(lost.into_iter().map(|what| format!("{key}: {what}")))
        .chain(left_out(target))
        .chain(own_keys(target, contents))
        .chain(goes)
        .collect()
}

/// A restore has another way, if told to use it.
fn or_in_place(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Problem>() {
        Ok(problem) => problem.also("or `db-restore --in-place`, which backs up first").into(),
        Err(e) => e,
    }
}

/// Your own backup may have links that lead out of the tree; but who can write a manifest can make
/// such a backup, too.
fn links_are_trusted(key: &str, contents: Option<&Contents>, trust: Trust) -> Result<()> {
    match contents {
        Some(contents) if trust < Trust::Script => match tree::leads_out(contents.remarks()) {
            Some(names) => Err(Problem::refused(format!(
                "`{key}` in the backup has links that may lead out of its tree"
            ))
            .code(Code::Untrusted)
            .because(names)
            .because("nothing was changed")
            .cure("if they are yours, restore it with `--trust`; otherwise find out who made it")
            .into()),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// What is in no backup can't be restored; the old tree, which is kept, still has it.
fn left_out(target: &SurveyedStore) -> Option<String> {
    match &target.address {
        Address::Files { exclude, .. } if !exclude.is_empty() => Some(format!(
            "{}: {} are not in backups, so they will not be in the new tree; the kept one has them",
            target.key(),
            exclude.join(", ")
        )),
        _ => None,
    }
}

/// An application that lets the server generate keys would get none.
fn own_keys(target: &SurveyedStore, contents: Option<&Contents>) -> Option<String> {
    let Some(Contents::Collections(all)) = contents else { return None };
    let version = target.held.version.as_deref().unwrap_or_default();
    let names: Vec<&str> =
        all.collections.iter().filter(|c| c.auto_ids).map(|c| c.name.as_str()).collect();

    (!names.is_empty() && !keeps_auto_ids(version)).then(|| {
        format!(
            "{}: Milvus {version} can't restore generated keys and keep generating new ones (2.6 \
             can): {} will have the same keys, and takes new ones from the application",
            target.key(),
            names.join(", ")
        )
    })
}

/// Whether other parts are restored along with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It is alone.
    Alone,
    /// They are, and each may fail.
    Others,
}

impl Restored {
    /// How the live one is moved aside: a single part is swapped in one step, so its run never
    /// swaps back.
    pub fn aside(self, task: &str, target: &Surveyed, project: &Project) -> MovedAside {
        match self {
            Self::Alone => MovedAside::Kept,
            Self::Others => MovedAside::Held(marks::run_name(task, &target.client, &project.root)),
        }
    }

    /// What an earlier run left under the names that this one needs. One that is restored alone is
    /// never swapped back, so it leaves no failed one.
    fn leftovers(
        self,
        target: &Surveyed,
        project: &Project,
        replacing: &Replacing,
    ) -> Result<Vec<Step>> {
        let (staged, discard) = (beside(target.name(), "staged"), replacing.discarded());
        let failed = admin::failed(target.name());

        match self {
            Self::Alone => leftovers(target, &project.guards, &[&staged, &discard]),
            Self::Others => leftovers(target, &project.guards, &[&staged, &discard, &failed]),
        }
    }

    /// What the backup holds, and which databases are dropped.
    fn notes(self, target: &Surveyed, dump: &Dump) -> Vec<String> {
        let failed_goes = failed_goes(target).filter(|_| self == Self::Others);

        what_it_holds(target, dump)
            .into_iter()
            .chain(older_goes(target))
            .chain(failed_goes)
            .collect()
    }
}
