//! Where a server in a container keeps its data, and what removes it.

use std::path::Path;

use super::{Finding, State};
use crate::facts::Surveyed;
use crate::facts::containers::Mount;

/// Where the data of a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept<'a> {
    /// In a volume that has a name.
    Named(&'a str),
    /// In one that the engine named: nothing else tells whose it is.
    Anonymous,
    /// In a folder on the engine's machine.
    Folder(&'a str),
    /// In memory.
    Memory,
    /// In the container's own file system.
    Nowhere,
}

/// What happens to the data when its container is removed.
pub(super) fn finding(s: &Surveyed) -> Option<Finding> {
    let container = s.container.as_ref()?;
    let data = s.server.data_directory.as_ref().or_else(|| container.env.get("PGDATA"))?;
    let (what, engine) = (format!("database {}: volume", s.spec.key), &container.engine);

    let note = |why: String, cure: &str| {
        let cure = format!(
            "back up, then give `{data}` a volume with a name (`volumes: [pgdata:{}]`){cure}",
            mounted(data)
        );
        Some(Finding::other(State::Note, what.clone(), why, cure))
    };

    match kept(Path::new(data), &container.mounts) {
        Kept::Named(name) => Some(Finding::good(
            what,
            format!(
                "`{data}` is in the volume `{name}`; only `{engine} compose down -v` and `{engine} \
                 volume rm` remove it"
            ),
        )),
        Kept::Folder(source) => {
            Some(Finding::good(what, format!("`{data}` is in the folder `{source}`")))
        }
        Kept::Anonymous => note(
            format!(
                "`{data}` is in a volume without a name: `{engine} rm -v` and `{engine} compose \
                 down -v` remove it, and a new container gets an empty one"
            ),
            ", and restore",
        ),
        Kept::Memory => note(
            format!("`{data}` is in memory: it is lost when the container stops"),
            ", unless that is intended",
        ),
        Kept::Nowhere => note(
            format!(
                "`{data}` is not in a volume: it is removed with the container (`{engine} rm`)"
            ),
            ", and restore",
        ),
    }
}

/// The official image has its volume there, and the server's folder may be a subfolder
/// (docker-library/postgres).
fn mounted(data: &str) -> &str {
    let above = "/var/lib/postgresql";
    if data.starts_with(&format!("{above}/")) && data != format!("{above}/data") {
        above
    } else {
        data
    }
}

/// By the nearest mount above the data.
fn kept<'a>(data: &Path, mounts: &'a [Mount]) -> Kept<'a> {
    let above = mounts.iter().filter(|mount| data.starts_with(&mount.destination));
    let Some(nearest) = above.max_by_key(|mount| mount.destination.len()) else {
        return Kept::Nowhere;
    };
    match nearest.kind.as_str() {
        "volume" if is_given(&nearest.name) => Kept::Anonymous,
        "volume" => Kept::Named(&nearest.name),
        "tmpfs" => Kept::Memory,
        _ => Kept::Folder(&nearest.source),
    }
}

/// Engines name a volume by 64 hexadecimal digits if nobody names it.
fn is_given(name: &str) -> bool {
    name.is_empty() || (name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_tells() {
        let mount = |kind: &str, name: &str, destination: &str| Mount {
            kind: kind.into(),
            name: name.into(),
            destination: destination.into(),
            source: "/srv/pg".into(),
        };

        let digits = "0123456789abcdef".repeat(4);
        let all = |kind: &str, name: &str, at: &str| {
            vec![mount("volume", "outer", "/var"), mount(kind, name, at)]
        };
        for (mounts, want) in [
            (all("volume", "shop_pgdata", "/var/lib/postgresql/data"), Kept::Named("shop_pgdata")),
            (all("volume", &digits, "/var/lib/postgresql/data"), Kept::Anonymous),
            (all("volume", &digits, "/var/lib/postgresql"), Kept::Anonymous),
            (all("bind", "", "/var/lib/postgresql/data"), Kept::Folder("/srv/pg")),
            (all("tmpfs", "", "/var/lib/postgresql/data"), Kept::Memory),
            // next to it, not above it
            (all("volume", &digits, "/var/lib/postgresql/data2"), Kept::Named("outer")),
            (vec![mount("bind", "", "/docker-entrypoint-initdb.d")], Kept::Nowhere),
            (Vec::new(), Kept::Nowhere),
        ] {
            assert_eq!(kept(Path::new("/var/lib/postgresql/data"), &mounts), want, "{mounts:?}");
        }

        assert_eq!(mounted("/var/lib/postgresql/18/docker"), "/var/lib/postgresql");
        assert_eq!(mounted("/var/lib/postgresql/data"), "/var/lib/postgresql/data");
    }
}
