//! Whether what a container's `tar` unpacked may become live.

use anyhow::Result;

use super::Contained;
use crate::engine::files::{Inside, Links, Tar, scan_by};
use crate::problem::{Code, Problem};
use crate::stream::Method;
use crate::value::tree::{Census, Given, differences};

impl Contained<'_> {
    /// Whether what was unpacked there is right, as far as the image's own `tar` can do it. What it
    /// can't do is reported.
    pub(super) fn holds(
        &self,
        inside: &Inside,
        wanted: &mut Census,
        (tar, given): (Tar, Given),
        method: Method,
    ) -> Result<()> {
        let read_back = inside.read_back(tar);
        let found = self.passed(
            &read_back,
            &mut |from| scan_by(from, Links::AsTheyAre, method),
            &mut |_| {},
        )?;

        let plain = wanted.as_far_as_given(given, &found).without_set_id().into_owned();
        let kept = |census: Census| match tar {
            Tar::Plain => census.in_whole_seconds().without_times_of_links(),
            // the file system may not support them
            Tar::Posix | Tar::Gnu | Tar::Libarchive => census.in_whole_seconds(),
        };

        let differing = differences(&kept(plain), &kept(found));
        if differing.is_empty() {
            return Ok(());
        }

        let why: Vec<String> = differing.iter().take(10).map(ToString::to_string).collect();

        Err(Problem::failed(format!(
            "`{}` in `{}` does not match the archive",
            inside.own(),
            self.container
        ))
        .code(Code::BackupDamaged)
        .because(why.join("\n"))
        .cure("check the engine's disk, and the image's `tar`")
        .into())
    }

    /// In a mount point, a tree must not contain our folder's name.
    pub(super) fn leaves_own(&self, inside: &Inside, wanted: &Census) -> Result<()> {
        if !inside.holds_own() || !wanted.entries.contains_key(&b".db-tasks"[..]) {
            return Ok(());
        }

        Err(Problem::refused(format!(
            "the backup has a `.db-tasks` in it, which in `{}` is our own folder",
            self.shown()
        ))
        .code(Code::Untrusted)
        .because("no live data was changed")
        .cure(
            "restore it into a tree that is not a mount point, or unpack what you need from its \
             `.tar` by hand",
        )
        .into())
    }
}
