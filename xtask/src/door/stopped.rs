//! Whether a program was stopped by the terminal. One that runs in a process group of its own and
//! asks there (a password prompt of psql, sudo, ssh or git, through `/dev/tty`) gets no answer and
//! does not fail: the terminal silently stops it by SIGTTIN or SIGTTOU.

/// Whether the leader of a group was stopped, or any of its children (`timeout` makes a group of
/// its own, and only that one is stopped).
#[cfg(unix)]
pub fn by_terminal(leader: u32) -> bool {
    is_stopped(leader) || is_stopped_below(leader)
}

#[cfg(not(unix))]
pub fn by_terminal(_leader: u32) -> bool {
    false
}

/// Asks the system without reaping the child: somebody else waits for it.
#[cfg(unix)]
fn is_stopped(leader: u32) -> bool {
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
    let Some(pid) = Pid::from_raw(leader.cast_signed()) else { return false };
    let look = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let signal =
        waitid(WaitId::Pid(pid), look).ok().flatten().and_then(|status| status.stopping_signal());
    signal.is_some_and(|signal| [Signal::TTIN, Signal::TTOU].map(Signal::as_raw).contains(&signal))
}

/// What `/proc/PID/stat` says of a process (proc_pid_stat(5)).
#[cfg(unix)]
struct Stat {
    pid: u32,
    parent: u32,
    /// It is stopped, and has a terminal.
    held: bool,
}

#[cfg(unix)]
fn is_stopped_below(leader: u32) -> bool {
    let all = processes();
    let parent =
        |pid: u32| all.iter().find(|p| p.pid == pid).map(|p| p.parent).filter(|parent| *parent > 1);
    let is_below = |pid: u32| {
        std::iter::successors(Some(pid), |pid| parent(*pid)).take(64).any(|pid| pid == leader)
    };
    all.iter().any(|p| p.held && p.pid != leader && is_below(p.pid))
}

/// All processes, if there is `/proc`.
#[cfg(unix)]
fn processes() -> Vec<Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| stat(&std::fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

/// The second field, in parentheses, may hold spaces.
#[cfg(unix)]
fn stat(text: &str) -> Option<Stat> {
    let (before, after) = text.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    let terminal = fields.nth(2)?;

    Some(Stat {
        pid: before.split(' ').next()?.parse().ok()?,
        parent,
        held: state == "T" && terminal != "0",
    })
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_stat_line_is_read() {
        let read = stat("42 (a) T (b) T 7 42 42 34816 42 0").unwrap();
        assert_eq!((read.pid, read.parent, read.held), (42, 7, true));
        assert!(!stat("42 (a) S 7 42 42 34816 42").unwrap().held);
        assert!(!stat("42 (a) T 7 42 42 0 -1").unwrap().held);
    }
}
