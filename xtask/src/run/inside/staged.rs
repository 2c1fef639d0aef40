//! Whether what was fed to a container's `tar` may become live.

use anyhow::Result;

use super::Contained;
use crate::engine::files::{Inside, Links, Tar, scan_by};
use crate::problem::Problem;
use crate::stream::Method;
use crate::value::tree::{Census, Given, differences};

impl Contained<'_> {
    /// Whether what was made there is what it should be, as far as the image's own `tar` can make
    /// it. What it can't is remarked.
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
            // the file system may have none
            Tar::Posix | Tar::Gnu | Tar::Libarchive => census.in_whole_seconds(),
        };

        let differing = differences(&kept(plain), &kept(found));
        if differing.is_empty() {
            return Ok(());
        }

        let why: Vec<String> = differing.iter().take(10).map(ToString::to_string).collect();

        Err(Problem::failed(format!(
            "`{}` in `{}` does not hold what the archive brought",
            inside.own(),
            self.container
        ))
        .because(why.join("\n"))
        .cure("look at the disk of the engine, and at the image's `tar`")
        .into())
    }

    /// In a mount point, no tree may bring what has our folder's name.
    pub(super) fn leaves_own(&self, inside: &Inside, wanted: &Census) -> Result<()> {
        if !inside.holds_own() || !wanted.entries.contains_key(&b".db-tasks"[..]) {
            return Ok(());
        }

        Err(Problem::refused(format!(
            "the backup has a `.db-tasks` in it, which in `{}` is our own folder",
            self.shown()
        ))
        .because("nothing live was touched")
        .cure(
            "restore it into a tree that is no mount point, or take what you need out of its \
             `.tar` by hand",
        )
        .into())
    }
}
