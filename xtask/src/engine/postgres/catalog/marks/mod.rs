//! The marks that say what a database is to this tool: a number in its connection limit, or the
//! first line of its comment. Only this module knows how they look, `change::marking` writes them,
//! and [`may`] says what may be done with a database that has one.

pub(in crate::engine::postgres) mod limit;
pub(in crate::engine::postgres) mod line;

pub use self::limit::own_limit;
pub(in crate::engine::postgres) use self::limit::{is_on_its_way, on_its_way};
pub use self::line::{MarkFields, MovedAside, own_comment, run_name};
pub(in crate::engine::postgres) use self::line::{
    bears_no_mark, is_aside, is_emptied_by, is_gone_back_to, is_kept,
};
use crate::engine::postgres::client::name::ident;

/// The connection limit by which a server marks a database whose DROP was interrupted: nobody can
/// connect to it, and it can only be dropped again (`DATCONNLIMIT_INVALID_DB`,
/// <https://www.postgresql.org/docs/release/15.4/>).
pub(in crate::engine::postgres) const INVALID: i64 = -2;

/// What a database is to this tool, as its marks say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It has no mark: not ours.
    Own,
    /// It is staged: it is not the only copy of its data.
    OnItsWay,
    /// A reset emptied it and has not filled it: its old data is only in a backup. Its comment
    /// names the run, unless that was changed.
    Emptied(Option<String>),
    /// Its DROP was interrupted.
    Invalid,
    /// A finished run moved it aside.
    Kept,
    /// An unfinished run moved it aside, and swaps back to it if it fails: it may hold the only
    /// copy.
    Held(String),
}

impl State {
    /// What the marks say.
    pub fn of(connection_limit: i64, comment: Option<&str>) -> Self {
        match line::of(comment.unwrap_or_default()) {
            _ if connection_limit == INVALID => Self::Invalid,
            Some(marked) => marked,
            None if limit::says_on_its_way(connection_limit) => Self::OnItsWay,
            None if limit::says_emptied(connection_limit) => Self::Emptied(None),
            None => Self::Own,
        }
    }

    /// What is wrong with a live database in this state, and what to do about it.
    pub fn wrong(&self, name: &str) -> Option<(String, String)> {
        match self {
            Self::Emptied(run) => {
                let run = run.as_ref().map_or(String::new(), |run| format!(" ({run})"));
                let what = format!(
                    "`{name}` is incomplete: a reset emptied it{run}, and is still running or was \
                     interrupted; its old data is in the backup that the reset made first"
                );

                Some((
                    what,
                    "run `db-repair` where that run was started to bring it back; elsewhere, \
                     restore that backup with `--in-place`"
                        .into(),
                ))
            }
            Self::OnItsWay => {
                let what = format!(
                    "`{name}` is incomplete: `db-prepare` is still filling it, or was interrupted"
                );
                Some((what, "`db-prepare` fills it".into()))
            }
            Self::Invalid => {
                let what =
                    format!("`{name}` can't be opened: a DROP DATABASE on it was interrupted");
                Some((
                    what,
                    format!(
                        "its data is lost, unless it is in a backup (`db-list`); `DROP DATABASE \
                         {}` removes what is left",
                        ident(name)
                    ),
                ))
            }
            Self::Own | Self::Kept | Self::Held(_) => None,
        }
    }

    /// How it was moved aside, if it was.
    pub fn aside(&self) -> MovedAside {
        if let Self::Held(run) = self { MovedAside::Held(run.clone()) } else { MovedAside::Kept }
    }
}

/// What somebody is about to do with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Drop it, or replace it.
    Drop,
    /// Give it the live name, by an undo.
    BringBack,
    /// Replace its contents although it is live: by a restore.
    Replace,
    /// Keep it as the old data, or back it up as such: by a reset.
    KeepAsOld,
    /// Fill it, if it is empty.
    Fill,
}

/// Why something must not be done with a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// This tool did not create it or move it aside.
    NotOurs,
    /// An unfinished run may swap back to it.
    Held(String),
    /// Its marker names this environment, which is protected.
    Protected(String),
    /// Its old data is only in a backup, which the named run made.
    Emptied(Option<String>),
    /// Nobody can connect to it.
    Invalid,
}

/// What a database's marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Nothing, or one where data may be replaced.
    NothingOfNote,
    /// One that is protected.
    Protected(String),
}

/// What may be done with a database in which state. Only a person may remove one that says it is
/// protected.
pub fn may(state: &State, what: Use, says: &Says) -> Result<(), Unfit> {
    use Use::{BringBack, Drop, Fill, KeepAsOld, Replace};

    match (state, what) {
        (State::Own, Drop | BringBack) => Err(Unfit::NotOurs),
        (State::Held(run), Drop) => Err(Unfit::Held(run.clone())),
        (State::Emptied(run), Drop | BringBack | KeepAsOld | Fill) => {
            Err(Unfit::Emptied(run.clone()))
        }
        (State::OnItsWay | State::Kept, Drop) if *says != Says::NothingOfNote => protected(says),
        (State::Invalid, BringBack | Replace | KeepAsOld | Fill) => Err(Unfit::Invalid),
        (State::Own | State::Emptied(_), Replace)
        | (State::Own, KeepAsOld | Fill)
        | (State::OnItsWay | State::Kept, Drop | BringBack | Replace | KeepAsOld | Fill)
        | (State::Held(_), BringBack | Replace | KeepAsOld | Fill)
        | (State::Invalid, Drop) => Ok(()),
    }
}

fn protected(says: &Says) -> Result<(), Unfit> {
    match says {
        Says::NothingOfNote => Ok(()),
        Says::Protected(environment) => Err(Unfit::Protected(environment.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::limit::{
        EMPTIED, EMPTIED_LIMITED, LARGEST, ON_ITS_WAY, ON_ITS_WAY_LIMITED, emptied, is_emptied_by,
    };
    use super::line::KEPT;
    use super::*;

    #[test]
    fn a_databases_marks_say_what_it_is() {
        let held = || State::Held("db-reset (1) in /a".into());

        for (limit, comment, state, own) in [
            (-1, None, State::Own, (-1, None)),
            (20, Some("shop"), State::Own, (20, Some("shop"))),
            (20, Some("db-tasks: keeps"), State::Own, (20, Some("db-tasks: keeps"))),
            (2_000_000_018, None, State::Own, (2_000_000_018, None)),
            (ON_ITS_WAY, None, State::OnItsWay, (-1, None)),
            (ON_ITS_WAY_LIMITED + 20, Some("shop"), State::OnItsWay, (20, Some("shop"))),
            (EMPTIED, None, State::Emptied(None), (-1, None)),
            (EMPTIED_LIMITED, None, State::Emptied(None), (0, None)),
            (EMPTIED_LIMITED + LARGEST, Some(""), State::Emptied(None), (LARGEST, Some(""))),
            (
                EMPTIED,
                Some("db-tasks: emptied by r\nshop"),
                State::Emptied(Some("r".into())),
                (-1, Some("shop")),
            ),
            (5, Some("db-tasks: emptied by r"), State::Emptied(Some("r".into())), (5, None)),
            (INVALID, Some(KEPT), State::Invalid, (-1, None)),
            (5, Some(KEPT), State::Kept, (5, None)),
            (
                5,
                Some("db-tasks: kept for db-undo\nshop\nof 2024"),
                State::Kept,
                (5, Some("shop\nof 2024")),
            ),
            (ON_ITS_WAY, Some("db-tasks: kept for db-undo\n"), State::Kept, (-1, Some(""))),
            (-1, Some("db-tasks: held by db-reset (1) in /a"), held(), (-1, None)),
            (
                EMPTIED_LIMITED + 7,
                Some("db-tasks: held by db-reset (1) in /a\nshop"),
                held(),
                (7, Some("shop")),
            ),
            (
                -1,
                Some("shop\ndb-tasks: held by x"),
                State::Own,
                (-1, Some("shop\ndb-tasks: held by x")),
            ),
        ] {
            assert_eq!(State::of(limit, comment), state, "{limit} {comment:?}");
            assert_eq!(
                (own_limit(limit), comment.and_then(own_comment)),
                own,
                "{limit} {comment:?}"
            );
        }
    }

    #[test]
    fn a_limit_of_ones_own_is_not_lost_beneath_a_mark() {
        for own in [-1, 0, 1, 20, 262_143] {
            let runs = ["a", "db-reset (db-tasks/6b0ae35a1e66) in /tmp/repo", ""]
                .map(|run| (emptied(own, run), State::Emptied(None)));
            for (words, state) in runs.into_iter().chain([(on_its_way(own), State::OnItsWay)]) {
                let limit: i64 = words.rsplit(' ').next().unwrap().parse().unwrap();
                assert_eq!((State::of(limit, None), own_limit(limit)), (state, own), "{words}");
                assert!(i32::try_from(limit).is_ok(), "{words}");
            }
        }

        assert_eq!(own_limit(2_010_000_000 + LARGEST), LARGEST, "as good as none");
        // each run's number is among its own, and most often among no other's
        let limit = |run| emptied(20, run).rsplit(' ').next().unwrap().parse::<i64>().unwrap();
        let is_of = |limit: i64, run| {
            let range = is_emptied_by(run).replace("datconnlimit BETWEEN ", "");
            let (from, to) = range.split_once(" AND ").unwrap();
            (from.parse().unwrap()..=to.parse().unwrap()).contains(&limit)
        };

        assert!(is_of(limit("a"), "a") && is_of(limit("b"), "b") && !is_of(limit("a"), "b"));
    }

    #[test]
    fn who_may_do_what() {
        use Use::{BringBack, Drop, Fill, KeepAsOld, Replace};

        let held = State::Held("r".into());
        let uses = [Drop, BringBack, Replace, KeepAsOld, Fill];
        let (no, gone) = (Some(Unfit::NotOurs), Some(Unfit::Invalid));
        let (run, empty) = (Some(Unfit::Held("r".into())), Some(Unfit::Emptied(Some("r".into()))));

        for (state, words) in [
            (State::Own, [no.clone(), no, None, None, None]),
            (State::OnItsWay, [None, None, None, None, None]),
            (
                State::Emptied(Some("r".into())),
                [empty.clone(), empty.clone(), None, empty.clone(), empty],
            ),
            (State::Invalid, [None, gone.clone(), gone.clone(), gone.clone(), gone]),
            (State::Kept, [None, None, None, None, None]),
            (held, [run, None, None, None, None]),
        ] {
            for (what, word) in uses.into_iter().zip(words) {
                assert_eq!(
                    may(&state, what, &Says::NothingOfNote).err(),
                    word,
                    "{state:?} {what:?}"
                );

                let production = may(&state, what, &Says::Protected("prod".into())).err();
                let stays = what == Drop && [State::Kept, State::OnItsWay].contains(&state);
                assert_eq!(
                    production,
                    if stays { Some(Unfit::Protected("prod".into())) } else { word },
                    "{state:?} {what:?}"
                );
            }
        }
    }
}
