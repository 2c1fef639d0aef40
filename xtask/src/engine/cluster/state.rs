//! The state of a cluster, decided from what was seen of it.

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Nothing, or the folder does not exist.
    Nothing,
    /// A cluster (`PG_VERSION`).
    Cluster,
    /// Something else.
    Other,
}

/// The process with the id in `postmaster.pid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A postgres.
    Postgres,
    /// Another program, which got the id after a crash.
    Other,
    /// Nobody.
    Nobody,
}

/// What was seen of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// In its folder.
    pub contents: Contents,
    /// Whether somebody listens on its socket.
    pub answers: bool,
    /// `postmaster.pid`: who has the process id, and the status in its last line.
    pub pid: Option<(Holder, String)>,
}

/// The state of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does not exist yet.
    Absent,
    /// The folder holds something else.
    Foreign,
    /// It was stopped.
    Stopped,
    /// Its server was killed; the next one recovers.
    Crashed,
    /// The same, but another program has its process id now: the server would think it is already
    /// running and not start.
    CrashedPidTaken,
    /// It starts or stops.
    Busy,
    /// It serves.
    Running,
    /// A server uses the folder, but does not listen on the socket.
    Elsewhere,
}

impl Seen {
    /// How the cluster stands.
    pub fn state(&self) -> State {
        let status = self.pid.as_ref().map_or("", |(_, status)| status.trim());
        let changing = matches!(status, "starting" | "stopping");

        match (self.contents, self.answers, self.pid.as_ref().map(|(holder, _)| *holder)) {
            (Contents::Nothing, ..) => State::Absent,
            (Contents::Other, ..) => State::Foreign,
            // before 10 there is no status
            (_, true, _) if !changing => State::Running,
            (_, true, _) => State::Busy,
            (_, false, None) => State::Stopped,
            (_, false, Some(Holder::Nobody)) => State::Crashed,
            (_, false, Some(Holder::Other)) => State::CrashedPidTaken,
            (_, false, Some(Holder::Postgres)) if changing => State::Busy,
            (_, false, Some(Holder::Postgres)) => State::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_told_apart() {
        use Contents::{Cluster, Nothing, Other};

        for (contents, answers, pid, want) in [
            (Nothing, false, None, State::Absent),
            (Other, false, None, State::Foreign),
            (Cluster, false, None, State::Stopped),
            (Cluster, true, Some((Holder::Postgres, "ready   ")), State::Running),
            (Cluster, true, Some((Holder::Nobody, "ready")), State::Running), /* another pid
                                                                               * namespace */
            (Cluster, true, Some((Holder::Postgres, "starting")), State::Busy),
            (Cluster, false, Some((Holder::Postgres, "starting")), State::Busy),
            (Cluster, true, Some((Holder::Postgres, "stopping")), State::Busy),
            (Cluster, false, Some((Holder::Nobody, "ready")), State::Crashed),
            (Cluster, false, Some((Holder::Nobody, "starting")), State::Crashed),
            (Cluster, false, Some((Holder::Other, "ready")), State::CrashedPidTaken),
            (Cluster, false, Some((Holder::Postgres, "ready")), State::Elsewhere),
        ] {
            let seen = Seen {
                contents,
                answers,
                pid: pid.map(|(holder, status)| (holder, status.to_owned())),
            };
            assert_eq!(seen.state(), want, "{seen:?}");
        }
    }
}
