//! What a new database starts from, out of a folder that a repository brings: git keeps neither the
//! times of files nor, often, their manifests.

use std::path::Path;

use super::{Backup, Catalog, Kind, catalog, dated, ending, latest};
use crate::config::Project;

impl Catalog {
    /// What `latest` names in this folder, otherwise the newest of its good backups with this
    /// database and of the dumps of other tools, by the dates in their names.
    pub fn first(&self, key: &str, project: &Project) -> Option<Backup> {
        let fits = |backup: &Backup| match backup.kind {
            Kind::Ours(_) => backup.is_good_of(key),
            Kind::Foreign => ending::is_dump(&backup.name),
            Kind::Broken { .. } => false,
        };

        let named = latest_of(&self.dir, key).and_then(|path| catalog::at(&path, project).ok());
        named.filter(fits).or_else(|| {
            let mut all: Vec<&Backup> = self.backups.iter().filter(|backup| fits(backup)).collect();
            // a dump without a date has only the time of the checkout
            if all.iter().any(|backup| is_dated(backup)) {
                all.retain(|backup| is_dated(backup));
            }
            all.into_iter().max_by_key(|backup| backup.created).cloned()
        })
    }
}

fn is_dated(backup: &Backup) -> bool {
    matches!(backup.kind, Kind::Ours(_)) || dated::has_date(&backup.name)
}

/// `latest-KEY.sql`, otherwise `latest.sql`, in any compression, or a text file that names it.
fn latest_of(dir: &Path, key: &str) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    let all: Vec<_> = entries
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| latest::is_named_so(&name) && !ending::is_manifest(&name))
        })
        .collect();

    let wanted = [format!("latest-{key}"), "latest".to_owned()];
    let found =
        wanted.iter().find_map(|name| all.iter().find(|path| latest::key(path) == *name))?;
    match latest::named_by(found) {
        Some(backup) => Some(backup),
        // a link that leads out of the folder is followed by nobody
        None => Some(found.clone()).filter(|found| !found.is_symlink()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Dotenv, Env, load};

    #[test]
    fn a_table_of_folders() {
        for (files, link, want) in [
            (
                &["app_2026-01-16.sql", "app_2026-02-01_10-00-00.sql"][..],
                None,
                Some("app_2026-02-01_10-00-00.sql"),
            ),
            (
                &["app_2026-01-16.sql", "app_2026-02-01.sql"],
                Some("app_2026-01-16.sql"),
                Some("app_2026-01-16.sql"),
            ),
            (&["app_2026-01-16.sql", "latest.sql"], None, Some("latest.sql")),
            (
                &["app_2026-01-16.sql", "latest-main.sql", "latest.sql"],
                None,
                Some("latest-main.sql"),
            ),
            (&["app_2026-01-16.sql", "latest-other.sql"], None, Some("app_2026-01-16.sql")),
            // written later, and without a date
            (&["app_2026-01-16.sql.gz", "seed.sql"], None, Some("app_2026-01-16.sql.gz")),
            (&["seed.sql"], None, Some("seed.sql")),
            (&["README.md", "latest.md"], None, None),
            (&["app_2026-01-16.sql"], Some("../outside.sql"), Some("app_2026-01-16.sql")),
            (&["app_2026-01-16.sql"], Some("gone.sql"), Some("app_2026-01-16.sql")),
            (&[], None, None),
        ] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("db-tasks.toml");
            fs::write(&path, "[databases.main]\npostgres = { database = \"app\" }\n").unwrap();
            let (project, _) = load(&path, Env::default(), Dotenv::Ignore).unwrap();

            let dumps = root.path().join("sql_dumps");
            fs::create_dir(&dumps).unwrap();
            fs::write(root.path().join("outside.sql"), "SELECT 1;").unwrap();
            for file in files {
                fs::write(dumps.join(file), "SELECT 1;").unwrap();
            }
            #[cfg(unix)]
            if let Some(link) = link {
                std::os::unix::fs::symlink(link, dumps.join("latest.sql")).unwrap();
            }

            let catalog = Catalog::read(&dumps, &project).unwrap();
            let found = catalog.first("main", &project).map(|backup| backup.name);
            assert_eq!(found.as_deref(), want, "{files:?} {link:?}");
        }
    }
}
