//! The folder of backups, and the room on its disk.

use std::path::Path;

use super::super::Surveyed;
use super::{Finding, Patient, State};
use crate::bundle::Backup;
use crate::bundle::Catalog;
use crate::config::Env;
use crate::human;
use crate::plan::{Act, Plan, Sink, Whereabouts};

pub(super) fn folder_findings(patient: &Patient<'_>) -> Vec<Finding> {
    let dir = &patient.project.backup.dir;
    let what = "backup folder";
    let mut findings = vec![match writable(dir) {
        Ok(()) => Finding::good(what, format!("`{}` can be written", dir.display())),
        Err(e) => Finding::other(
            State::Problem,
            what,
            format!("`{}` can't be written: {e}", dir.display()),
            "fix its permissions, or choose another `backup.dir`",
        ),
    }];

    findings.extend(state_finding(&patient.project.state));
    let catalog = Catalog::read(dir, patient.project).unwrap_or_default();
    let last = catalog.latest(&[]).map_or(0, |b| b.bytes);

    findings.extend(disk_finding(dir, last));
    findings.extend(catalog.backups.iter().flat_map(backup_findings));

    if ignored(&patient.project.root, dir, patient.env) == Some(false) {
        findings.push(Finding::other(
            State::Note,
            what,
            "git does not ignore it: dumps could be committed",
            format!(
                "add `{}` to `.gitignore`",
                dir.file_name().unwrap_or_default().to_string_lossy()
            ),
        ));
    }

    findings
}

fn disk_finding(dir: &Path, last: u64) -> Option<Finding> {
    let left = disk_left(dir)?;
    if !is_tight(left, last) {
        return Some(Finding::good("disk", format!("{} free for backups", human::bytes(left))));
    }

    let (left, last) = (human::bytes(left), human::bytes(last));
    let why = format!("{left} free, and the last backup takes {last}");
    Some(Finding::other(State::Problem, "disk", why, "free some space (`db-cleanup`)"))
}

fn backup_findings(backup: &Backup) -> Vec<Finding> {
    let name = &backup.name;
    let note = |why: String, cure: String| Finding::other(State::Note, "backup", why, cure);
    let broken = (backup.state() == "broken")
        .then(|| note(format!("{name} is broken"), format!("`db-info {name}` says why")));
    let doubt = backup.manifest().and_then(|manifest| manifest.doubt());
    let doubt = doubt.map(|why| note(format!("{name}: {why}"), format!("`db-verify {name}`")));
    let pin = backup.manifest().and_then(|manifest| manifest.pinned.as_ref()?.doubt.clone());
    let pin = pin.map(|why| {
        let cure = format!("`db-pin {name}` or `db-pin {name} --unpin` decides");
        note(format!("{name} is perhaps pinned: {why}"), cure)
    });

    broken.into_iter().chain(doubt).chain(pin).collect()
}

/// Whether there is no room for two more backups like the last one.
pub(super) fn is_tight(left: u64, last: u64) -> bool {
    left < last * 2
}

/// A warning about disk space for a plan that makes a backup: the size of the last one tells how
/// much the next one takes.
pub fn tight(plan: &Plan) -> Option<String> {
    let acts = plan.acts();
    let files: Vec<(&Path, u64)> = acts.into_iter().filter_map(made).collect();
    short(disk_left(files.first()?.0.parent()?)?, files.iter().map(|(_, bytes)| bytes).sum())
}

pub(super) fn made(act: &Act) -> Option<(&Path, u64)> {
    let Act::Pipe(pipe) = act else { return None };
    match &pipe.to {
        Sink::File { path, about, .. } => Some((path, (*about)?)),
        _ => None,
    }
}

pub(super) fn short(left: u64, last: u64) -> Option<String> {
    let verb = match left {
        _ if !is_tight(left, last) => return None,
        _ if left < last => "it will not fit",
        _ => "it may not fit",
    };

    Some(format!(
        "{} are free on the disk of the backups, and the last one takes {}: {verb} (`db-cleanup`, \
         or another `backup.dir`)",
        human::bytes(left),
        human::bytes(last)
    ))
}

/// Whether a file could be created in the folder, or in the nearest one above it that exists.
pub(super) fn writable(dir: &Path) -> std::io::Result<()> {
    let there = dir.ancestors().find(|d| d.exists()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }

    #[cfg(unix)]
    return rustix::fs::access(there, rustix::fs::Access::WRITE_OK).map_err(std::io::Error::from);

    #[cfg(not(unix))]
    return if std::fs::metadata(there)?.permissions().readonly() {
        Err(std::io::ErrorKind::PermissionDenied.into())
    } else {
        Ok(())
    };
}

/// Free bytes on the server's disk, if it is on this machine.
pub fn server_disk_left(target: &Surveyed) -> Option<u64> {
    let ours = target.container.is_none() && target.whereabouts() == Whereabouts::Here;
    let data = target.server.data_directory.as_deref().filter(|_| ours)?;
    Some(Path::new(data)).filter(|d| d.is_dir()).and_then(disk_left)
}

/// Bytes that are free for us on the disk of a folder, or of the nearest one above it that exists.
pub fn disk_left(dir: &Path) -> Option<u64> {
    let there = dir.ancestors().find(|d| d.is_dir())?;
    #[cfg(unix)]
    return rustix::fs::statvfs(there).ok().map(|s| s.f_bavail * s.f_frsize);
    #[cfg(not(unix))]
    return there.exists().then_some(u64::MAX).filter(|_| false);
}

/// Whether git ignores the folder; `None` outside a repository.
pub(super) fn ignored(root: &Path, dir: &Path, env: &Env) -> Option<bool> {
    // a repository's own settings may make git run programs
    let cmd = crate::cmd::Cmd::new(env.program("git")).args([
        "-c".into(),
        "core.fsmonitor=false".into(),
        "-C".into(),
        root.to_string_lossy().into_owned(),
        "check-ignore".into(),
        "-q".into(),
        dir.join("x").to_string_lossy().into_owned(),
    ]);

    let answer = crate::door::ask::ask(&cmd, &Default::default()).ok()?;
    match answer.code {
        Some(0) => Some(true),
        Some(1) => Some(false),
        _ => None,
    }
}

/// Without its own folder no run can hold the project's lock.
fn state_finding(dir: &Path) -> Option<Finding> {
    let why = format!("`{}` can't be written: {}", dir.display(), writable(dir).err()?);
    let cure = "fix the permissions of that folder: the project's lock, its journal and its audit \
                log are in it";
    Some(Finding::other(State::Problem, "state folder", why, cure))
}
