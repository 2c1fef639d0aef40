//! Whose a backup is: a folder may be shared by projects.

use std::path::Path;

use super::Manifest;
use crate::config::Project;

/// Where a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// In the project's own folder.
    #[default]
    Own,
    /// In a folder that other projects may use, too.
    Common,
}

impl Sharing {
    /// Whether this folder is shared; a link out of the project leads to a shared one.
    pub fn of(dir: &Path, project: &Project) -> Self {
        let inside = match (dir.canonicalize(), project.root.canonicalize()) {
            (Ok(dir), Ok(root)) => dir.starts_with(root),
            _ => dir.starts_with(&project.root),
        };
        if inside { Self::Own } else { Self::Common }
    }
}

/// Whether a backup is this project's. If both have a name from the file, the names decide. A name
/// that is only the folder's differs in a clone and after a rename, so everything in the project's
/// own folder is its own, and in a shared folder a database of the project decides.
pub fn is_ours(manifest: &Manifest, project: &Project, ground: Sharing) -> bool {
    let alike = manifest.project == project.name;
    if alike || (manifest.project_named && project.named) {
        return alike;
    }

    let holds = |key: &str, name: &str| {
        let ours = |d: &&crate::config::Database| {
            d.key == key && d.connection.database.as_deref() == Some(name)
        };
        project.databases.iter().any(|d| ours(&d))
    };
    ground == Sharing::Own
        || manifest.artifacts.iter().any(|a| holds(&a.store, a.database().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Holds;
    use super::*;
    use crate::config::{Dotenv, Env, load};

    fn project(name: &str, folder: &Path) -> Project {
        let root = folder.join("here");
        std::fs::create_dir_all(&root).unwrap();

        let named =
            if name.is_empty() { String::new() } else { format!("[project]\nname = \"{name}\"\n") };
        let path = root.join("db-tasks.toml");
        std::fs::write(
            &path,
            format!("{named}[databases.main]\npostgres = {{ database = \"app\" }}\n"),
        )
        .unwrap();

        load(&path, Env::default(), Dotenv::Ignore).unwrap().0
    }

    fn manifest(project: &str, named: bool, database: &str) -> Manifest {
        let text = include_str!("../../../tests/data/manifests/format-1-minimal.json");
        let mut manifest = Manifest::parse(text).unwrap();
        (manifest.project, manifest.project_named) = (project.into(), named);
        if let Holds::Postgresql(known) = &mut manifest.artifacts[0].holds {
            known.database.name = database.into();
        }
        manifest
    }

    #[test]
    fn a_table_of_owners() {
        use Sharing::{Common, Own};

        let folder = tempfile::tempdir().unwrap();

        for (name, theirs, named, database, ground, ours) in [
            // both have a name in their file
            ("shop", "shop", true, "app", Common, true),
            ("shop", "shop", true, "app_test", Common, true),
            ("shop", "blog", true, "app", Common, false),
            ("shop", "blog", true, "app", Own, false),
            // a clone under another name, a renamed folder
            ("", "there", false, "app", Common, true),
            ("", "there", false, "app", Own, true),
            ("", "there", false, "other", Own, true),
            ("", "here", false, "other", Common, true),
            // another project, whose main database is another
            ("", "there", false, "other", Common, false),
            // the name came later, or only one side has it
            ("shop", "here", false, "app", Common, true),
            ("shop", "here", false, "other", Common, false),
            ("", "shop", true, "app", Common, true),
            ("", "shop", true, "other", Common, false),
        ] {
            let project = project(name, folder.path());
            let found = is_ours(&manifest(theirs, named, database), &project, ground);
            assert_eq!(found, ours, "{name:?} {theirs} {named} {database} {ground:?}");
        }
    }

    #[test]
    fn a_link_leads_to_common_ground() {
        let folder = tempfile::tempdir().unwrap();
        let project = project("", folder.path());
        std::fs::create_dir(folder.path().join("srv")).unwrap();
        assert_eq!(Sharing::of(&project.root.join("backups"), &project), Sharing::Own);

        assert_eq!(Sharing::of(&folder.path().join("srv"), &project), Sharing::Common);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("srv"), project.root.join("backups"))
                .unwrap();
            assert_eq!(Sharing::of(&project.root.join("backups"), &project), Sharing::Common);
        }
    }
}
