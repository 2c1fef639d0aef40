//! How far an act reaches: what you must know if it fails.

use super::{Act, Deed, How, Sink};
use crate::value::Change;

/// What an act may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing that anybody uses yet: it reads, or works on what is ours.
    Aside,
    /// Live data, as a whole or not at all.
    Whole,
    /// Live data, one step after the other.
    Steps,
    /// Whatever a program of the project can reach.
    Program,
}

impl Act {
    /// Whether a signal waits for its end. A wait listens for signals between its tries, of which
    /// one may be the start of a server.
    pub fn is_unbroken(&self) -> bool {
        match self {
            Self::Create(deed) | Self::Rename(deed) | Self::Remove(deed) | Self::Write(deed) => {
                matches!(deed.how, How::Unbroken(_))
            }
            Self::Wait(_) => true,
            Self::Pipe(_) | Self::Check(_) | Self::Seal(_) => false,
        }
    }

    /// What it may change.
    pub fn reach(&self) -> Reach {
        match self {
            Self::Pipe(pipe) => match &pipe.to {
                Sink::Psql(load) if load.is_in_place() => Reach::Whole,
                _ => Reach::Aside,
            },
            Self::Create(deed) | Self::Rename(deed) | Self::Remove(deed) | Self::Write(deed) => {
                deed.reach()
            }
            Self::Check(_) | Self::Wait(_) | Self::Seal(_) => Reach::Aside,
        }
    }
}

impl Deed {
    fn reach(&self) -> Reach {
        match &self.how {
            How::Live(..) | How::Reload(_) => Reach::Whole,
            How::Change(
                _,
                Change::Swap { .. }
                | Change::Undo { .. }
                | Change::Back { .. }
                | Change::Wipe { .. },
            ) => Reach::Steps,
            How::Hook(_) => Reach::Program,
            How::Change(_, Change::Unstage | Change::Settle)
            | How::Command(_)
            | How::Unbroken(_)
            | How::Meanwhile(..)
            | How::Folder(_)
            | How::File(_)
            | How::Old(_)
            | How::Move(..)
            | How::Text(..)
            | How::Latest(_)
            | How::Passwords(..) => Reach::Aside,
        }
    }
}
