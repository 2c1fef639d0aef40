//! Hints as you would type them: lines that can be pasted. Elsewhere in the program a command is
//! `db-restore NAME`; what comes before it depends on how this run was started.

use std::path::Path;

use crate::config::Env;
use crate::tasks;

/// How this run was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    by: By,
    /// `--config`, as it was given.
    config: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum By {
    #[default]
    Name,
    /// cargo, with its word for the program: `xtask`, `db-tasks`.
    Cargo(&'static str),
    /// `scripts/db`, under the name by which it was called.
    Script(String),
    /// `npm run`, with the scripts that the package has.
    Npm { runner: String, scripts: Vec<String> },
}

impl Typed {
    /// From the environment that npm, cargo and `scripts/db` set, and the name by which the program
    /// was called.
    pub fn of(env: &Env, config: Option<&Path>, program: Option<&str>) -> Self {
        let config = config.map(|path| crate::cmd::quoted(&path.to_string_lossy()));
        let by = match (env.get("npm_lifecycle_event"), env.get("DB_TASKS_TYPED"), env.get("CARGO"))
        {
            (Some(event), ..) if event.starts_with("db:") => {
                let package = env.get("npm_package_json").and_then(|path| std::fs::read(path).ok());
                By::Npm {
                    runner: runner(env),
                    scripts: scripts(package.as_deref().unwrap_or_default(), event),
                }
            }
            (_, Some(script), _) if !script.is_empty() => By::Script(crate::cmd::quoted(script)),
            // a cargo alias leads to the same program, and can't be told apart
            _ if program == Some("cargo-db-tasks") => By::Cargo("db-tasks"),
            (_, _, Some(_)) => By::Cargo("xtask"),
            _ => By::Name,
        };
        Self { by, config }
    }

    /// The program as it was called, for its own help; wrappers (npm, `scripts/db`) have their own
    /// names for the commands.
    pub fn by(&self) -> String {
        match &self.by {
            By::Cargo(word) => format!("cargo {word}"),
            By::Name | By::Script(_) | By::Npm { .. } => "db-tasks".into(),
        }
    }

    /// A text in which each command with arguments can be pasted: between back-ticks, or at the end
    /// of a line.
    pub fn text(&self, text: &str) -> String {
        text.split('\n').map(|line| self.line(line)).collect::<Vec<_>>().join("\n")
    }

    fn line(&self, line: &str) -> String {
        let mut parts: Vec<String> = line.split('`').map(String::from).collect();
        let last = parts.len() - 1;
        for (at, part) in parts.iter_mut().enumerate() {
            if at % 2 == 1 && at < last {
                *part = self.command(part);
            } else if let Some((before, command)) =
                part.split_once(": db-").map(|(b, c)| (b.to_owned(), format!("db-{c}")))
            {
                *part = format!("{before}: {}", self.command(&command));
            }
        }

        parts.join("`")
    }

    /// A name alone mentions a command; with arguments it is one to type.
    fn command(&self, command: &str) -> String {
        let bare = command.strip_prefix("db-tasks ").unwrap_or(command);
        let Some((task, arguments)) =
            bare.strip_prefix("db-").and_then(|rest| rest.split_once(' '))
        else {
            return command.to_owned();
        };

        if !tasks::ALL.iter().any(|known| known.word() == task) {
            return command.to_owned();
        }

        let config = self.config.as_ref().map_or(String::new(), |path| format!("--config {path} "));

        match &self.by {
            // the script may have such an option itself
            By::Npm { runner, scripts } if scripts.iter().any(|s| *s == format!("db:{task}")) => {
                format!("{runner} db:{task} -- {arguments}")
            }
            By::Script(script) if config.is_empty() => format!("{script} {task} {arguments}"),
            _ => format!("{} {config}db-{task} {arguments}", self.by()),
        }
    }
}

/// The name by which this program was called.
pub fn program() -> Option<String> {
    let path = std::env::args_os().next().map(std::path::PathBuf::from)?;
    path.file_stem().map(|name| name.to_string_lossy().into_owned())
}

/// pnpm and yarn identify themselves as npm does.
fn runner(env: &Env) -> String {
    let agent = env.get("npm_config_user_agent").and_then(|agent| agent.split('/').next());
    let name = agent.filter(|name| matches!(*name, "pnpm" | "yarn" | "bun")).unwrap_or("npm");
    format!("{name} run")
}

/// The scripts of a `package.json`; the one that runs is included, whatever the file says.
fn scripts(package: &[u8], event: &str) -> Vec<String> {
    let package: serde_json::Value = serde_json::from_slice(package).unwrap_or_default();
    let named = package["scripts"].as_object().into_iter().flat_map(|all| all.keys().cloned());
    named.chain([event.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_what_the_person_typed() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("package.json");
        std::fs::write(&package, r#"{"scripts": {"db:backup": "scripts/db backup", "db:restore": "scripts/db restore"}}"#)
            .unwrap();

        let package = package.to_str().unwrap();
        let npm = [("npm_lifecycle_event", "db:backup"), ("npm_package_json", package)];
        let hint = "to restore it: db-restore app_1.sql.zst";

        for (env, config, text, want) in [
            (&[][..], None, hint, "to restore it: db-tasks db-restore app_1.sql.zst"),
            (
                &[("CARGO", "/x/cargo")],
                None,
                hint,
                "to restore it: cargo xtask db-restore app_1.sql.zst",
            ),
            (
                &[("DB_TASKS_TYPED", "scripts/db")],
                None,
                hint,
                "to restore it: scripts/db restore app_1.sql.zst",
            ),
            (&npm, None, hint, "to restore it: npm run db:restore -- app_1.sql.zst"),
            (&npm, None, "look: `db-repair --forget 2`", "look: `db-tasks db-repair --forget 2`"),
            (
                &[("npm_lifecycle_event", "test")],
                None,
                "`db-list --limit 3`",
                "`db-tasks db-list --limit 3`",
            ),
            (
                &[],
                Some("a b/x.toml"),
                hint,
                "to restore it: db-tasks --config 'a b/x.toml' db-restore app_1.sql.zst",
            ),
            (
                &[],
                None,
                "`db-tasks db-restore x --no-owner`, as it is",
                "`db-tasks db-restore x --no-owner`, as it is",
            ),
            // what is spoken of stays, and so does what is no command of ours
            (
                &[("CARGO", "x")],
                None,
                "`db-list` shows their names; `db-tasks.toml` has `shop`",
                "`db-list` shows their names; `db-tasks.toml` has `shop`",
            ),
            (
                &[("CARGO", "x")],
                None,
                "the file `db-x 1.sql` is\n  next: `db-undo --yes`",
                "the file `db-x 1.sql` is\n  next: `cargo xtask db-undo --yes`",
            ),
        ] {
            let given = |at: usize| env.get(at).copied().unwrap_or(("NOTHING", "x"));
            let typed =
                Typed::of(&Env::of([given(0), given(1)]), config.map(Path::new), Some("db-tasks"));
            assert_eq!(typed.text(text), want);
        }
    }

    #[test]
    fn cargo_says_the_program_s_own_name() {
        for (program, env, want) in [
            ("cargo-db-tasks", ("CARGO", "/x/cargo"), "cargo db-tasks"),
            ("cargo-db-tasks", ("NOTHING", "x"), "cargo db-tasks"),
            ("xtask", ("CARGO", "/x/cargo"), "cargo xtask"),
            ("db-tasks", ("DB_TASKS_TYPED", "scripts/db"), "db-tasks"),
            ("db-tasks", ("NOTHING", "x"), "db-tasks"),
        ] {
            let typed = Typed::of(&Env::of([env]), None, Some(program));
            assert_eq!(typed.by(), want, "{program}");
        }

        let typed = Typed::of(&Env::of([("CARGO", "x")]), None, Some("cargo-db-tasks"));
        assert_eq!(typed.text("next: `db-undo --yes`"), "next: `cargo db-tasks db-undo --yes`");
    }
}
