//! Where we look for programs: on PATH, except for folders in a repository that is not trusted.

use std::path::{Path, PathBuf};

use super::Env;

impl Env {
    /// The same for an untrusted repository: leaves out the folders of PATH in it, and the current
    /// folder.
    pub fn wary_of(mut self, repository: &Path) -> Self {
        self.wary_of = Some(repository.to_path_buf());
        self
    }

    /// The folders of PATH in which we look for programs. A PATH from `.env` belongs to the
    /// repository and does not count.
    pub fn search_path(&self) -> Vec<PathBuf> {
        let Some(repository) = &self.wary_of else { return self.whole_path() };
        let leads_away = |folder: &PathBuf| folder.is_absolute() && !leads_into(folder, repository);
        self.whole_path().into_iter().filter(leads_away).collect()
    }

    /// How we start a program: by its name if the system finds the same one, otherwise by its path.
    pub fn program(&self, name: &str) -> String {
        match (self.skipped(name), in_any(&self.search_path(), name)) {
            (Some(_), Some(own)) => own.to_string_lossy().into_owned(),
            // no file of this name is started: there is no other
            (Some(_), None) => format!("/nonexistent/{name}"),
            (None, _) => name.to_owned(),
        }
    }

    /// The program that the system would find by this name, if it is in the untrusted repository.
    pub fn skipped(&self, name: &str) -> Option<PathBuf> {
        let first = in_any(&self.whole_path(), name)?;
        let folder = first.parent().unwrap_or(Path::new(""));
        (!self.search_path().iter().any(|known| known == folder)).then_some(first)
    }

    fn whole_path(&self) -> Vec<PathBuf> {
        std::env::split_paths(self.given("PATH").unwrap_or_default()).collect()
    }
}

/// The first program of this name in these folders. An empty folder is the current one.
fn in_any(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    folders.iter().map(|folder| folder.join(&file)).find(|path| can_run(path))
}

#[cfg(unix)]
fn can_run(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn can_run(path: &Path) -> bool {
    path.is_file()
}

/// Whether a path is in a folder, by its text or by where its links lead.
pub fn leads_into(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) || real(path).starts_with(real(folder))
}

/// A path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let there =
        path.ancestors().find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    match there {
        Some((above, real)) if above == path => real,
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(path)),
        None => path.to_path_buf(),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn no_part_of_path_leads_into_the_repository() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        for folder in ["repo/bin", "own"] {
            fs::create_dir_all(at(folder)).unwrap();
        }

        symlink(at("repo/bin"), at("linked")).unwrap();

        for program in ["repo/bin/psql", "repo/bin/evil", "own/psql", "own/docker"] {
            fs::write(at(program), "").unwrap();
            fs::set_permissions(at(program), PermissionsExt::from_mode(0o755)).unwrap();
        }

        let own = at("own").display().to_string();
        for part in [at("repo/bin").display().to_string(), at("linked").display().to_string()] {
            let env = Env::of([("PATH", &format!("{part}:{own}"))]);
            assert_eq!(env.program("psql"), "psql");

            let wary = env.wary_of(&at("repo"));
            assert_eq!(wary.search_path(), [at("own")], "{part}");
            assert_eq!(wary.program("psql"), at("own/psql").display().to_string());
            assert_eq!(wary.program("docker"), "docker", "the system finds the same");
            assert_eq!(wary.program("evil"), "/nonexistent/evil");

            assert_eq!(
                wary.skipped("evil").map(|p| p.file_name().unwrap().to_owned()),
                Some("evil".into())
            );
            assert_eq!(wary.program("missing"), "missing");
        }

        for part in ["", ".", "bin"] {
            let wary = Env::of([("PATH", &format!("{part}:{own}"))]).wary_of(&at("repo"));
            assert_eq!(wary.search_path(), [at("own")], "{part}");
        }
    }
}
