//! What a repository brings that would run as you: programs, container engines, and the server's
//! data and settings. A command that only reads runs none of it, unless you trusted the repository
//! once on this machine.

use std::path::{Path, PathBuf};

use crate::config::search::leads_into;
use crate::config::{At, Container, Env, Project};
use crate::stream::mac;

/// One thing that the repository brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// What says so: a key, or a variable of `.env`.
    pub key: String,
    /// What would be run.
    pub what: String,
    /// The content, if trust depends on it.
    pub state: String,
}

/// All that the repository brings, except for folders of PATH in it.
pub fn brought(project: &Project, env: &Env) -> Vec<Brought> {
    let repository = repository(&project.root, env);
    let programs = project.databases.iter().filter_map(|database| {
        let folder = database.programs.as_ref()?;
        let key = format!("databases.{}.programs", database.key);
        let said = project.entries.iter().find(|entry| entry.key == key)?;
        let by_dotenv = said.origin == "$DB_TASKS_PG_BIN" && env.given("DB_TASKS_PG_BIN").is_none();
        let brings =
            by_dotenv || Path::new(&said.value).is_relative() || leads_into(folder, &repository);
        brings.then(|| thing(&key, folder.display().to_string()))
    });

    let engines = project.containers.iter().filter_map(|container| engine(container, &repository));
    let clusters = project.databases.iter().filter_map(|database| {
        let At::Cluster { folder, .. } = &database.at else { return None };
        cluster(&format!("databases.{}.cluster", database.key), folder, &repository)
    });

    programs.chain(engines).chain(clusters).collect()
}

/// An engine is docker or podman, and nothing but its name: another program, such as `python3`,
/// would run what is in the current folder.
fn engine(container: &Container, repository: &Path) -> Option<Brought> {
    let engine = container.engine.as_ref()?;
    let path = Path::new(engine);
    let known = path.file_stem().is_some_and(|stem| stem == "docker" || stem == "podman");
    let is_name = path.components().count() == 1;
    let own = known && (is_name || (path.is_absolute() && !leads_into(path, repository)));
    (!own).then(|| thing(&format!("containers.{}.engine", container.key), engine.clone()))
}

/// A server runs what its data folder tells it to (`archive_command`, `shared_preload_libraries`).
fn cluster(key: &str, folder: &Path, repository: &Path) -> Option<Brought> {
    let is_there = folder.join("PG_VERSION").is_file() && leads_into(folder, repository);
    is_there
        .then(|| Brought { state: state_of(folder), ..thing(key, folder.display().to_string()) })
}

/// One whose content does not matter.
pub(super) fn thing(key: &str, what: String) -> Brought {
    Brought { key: key.into(), what, state: String::new() }
}

/// The folder itself (not another in its place), and the settings of its server.
fn state_of(folder: &Path) -> String {
    let files = ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"];
    let text: Vec<u8> = files
        .iter()
        .flat_map(|file| std::fs::read(folder.join(file)).unwrap_or_default())
        .collect();
    format!("{} {}", number(folder), &mac::hex(b"", &text)[..16])
}

#[cfg(unix)]
fn number(folder: &Path) -> u64 {
    std::fs::metadata(folder).map_or(0, |meta| std::os::unix::fs::MetadataExt::ino(&meta))
}

#[cfg(not(unix))]
fn number(_: &Path) -> u64 {
    0
}

/// The repository that the project is in: the nearest folder with a `.git`, unless that is your
/// home or above it.
pub fn repository(root: &Path, env: &Env) -> PathBuf {
    let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf());
    let home = env.given("HOME").and_then(|home| std::fs::canonicalize(home).ok());
    let found = root.ancestors().find(|folder| folder.join(".git").exists());
    let found = found.filter(|folder| home.as_ref().is_none_or(|home| !home.starts_with(folder)));
    found.unwrap_or(&root).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Dotenv, load};

    fn keys(toml: &str, dotenv: &str) -> Vec<String> {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("repo/app");
        std::fs::create_dir_all(root.join("pg")).unwrap();
        std::fs::create_dir(temp.path().join("repo/.git")).unwrap();
        std::fs::write(root.join("pg/PG_VERSION"), "15").unwrap();

        std::fs::write(
            root.join("db-tasks.toml"),
            toml.replace("REPO", temp.path().join("repo").to_str().unwrap()),
        )
        .unwrap();

        std::fs::write(root.join(".env"), dotenv).unwrap();
        let (project, env) =
            load(&root.join("db-tasks.toml"), Env::of([("HOME", "/nowhere")]), Dotenv::Read)
                .unwrap();

        brought(&project, &env).into_iter().map(|b| b.key).collect()
    }

    #[test]
    fn what_leads_into_the_repository_is_its_own() {
        let main =
            |more: &str| format!("[databases.main]\n{more}\npostgres = {{ database = \"app\" }}\n");

        for (more, dotenv, brings) in [
            ("", "", false),
            ("programs = '/usr/lib/postgresql/15/bin'", "", false),
            ("programs = 'bin'", "", true),
            ("programs = '../../elsewhere'", "", true),
            ("programs = 'REPO/bin'", "", true),
            ("programs = '/proc/self/root/REPO/bin'", "", cfg!(target_os = "linux")),
            ("", "DB_TASKS_PG_BIN=/usr/bin", true),
        ] {
            assert_eq!(keys(&main(more), dotenv).len(), usize::from(brings), "{more} {dotenv}");
        }

        let clusters = |folder: &str| {
            format!("[databases.main]\ncluster = '{folder}'\npostgres = {{ database = 'app' }}\n")
        };
        assert_eq!(keys(&clusters("pg"), ""), ["databases.main.cluster"]);
        assert!(keys(&clusters("not-made-yet"), "").is_empty());
    }

    #[test]
    fn an_engine_is_docker_or_podman() {
        for (engine, brings) in [
            ("docker", false),
            ("podman", false),
            ("/usr/bin/podman", false),
            ("./docker", true),
            ("REPO/docker", true),
            ("python3", true),
            ("sh", true),
            ("/bin/sh", true),
        ] {
            let toml = format!(
                "[containers.pg]\ndocker = 'x'\nengine = '{engine}'\n[databases.main]\ncontainer \
                 = 'pg'\npostgres = {{ database = 'app' }}\n"
            );
            assert_eq!(keys(&toml, "").len(), usize::from(brings), "{engine}");
        }
    }

    #[test]
    fn a_home_that_is_a_repository_is_none_of_the_projects() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().canonicalize().unwrap();
        std::fs::create_dir_all(home.join("work/app")).unwrap();
        std::fs::create_dir(home.join(".git")).unwrap();
        let env = Env::of([("HOME", home.to_str().unwrap())]);
        assert_eq!(repository(&home.join("work/app"), &env), home.join("work/app"));
        std::fs::create_dir(home.join("work/.git")).unwrap();
        assert_eq!(repository(&home.join("work/app"), &env), home.join("work"));
    }
}
