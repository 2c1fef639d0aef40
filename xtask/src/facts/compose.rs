//! Which containers of a compose service to use. Both versions of Compose, and podman-compose,
//! label their containers: so we find them without starting the program that made them.
//! <https://docs.docker.com/reference/compose-file/services/#labels>

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cmd::Cmd;
use crate::config::Service;
use crate::problem::{Code, Problem};

/// The label that holds the service's name.
pub const SERVICE: &str = "com.docker.compose.service";

/// A container of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    state: String,
    project: String,
    folder: PathBuf,
    number: Option<u32>,
    /// Made by `docker compose run`: it has the service's labels, but is not the service.
    one_off: bool,
}

impl Row {
    fn shown(&self) -> String {
        format!(
            "{} ({}, project {}, in {})",
            self.name,
            self.state,
            self.project,
            self.folder.display()
        )
    }
}

/// Asks an engine for all containers of a service.
pub fn question(engine: &str, service: &str) -> Cmd {
    let labels = ["project", "project.working_dir", "oneoff", "container-number"];
    let labels = labels.map(|label| format!("{{{{.Label \"com.docker.compose.{label}\"}}}}"));
    let format = format!("{{{{.Names}}}}\t{{{{.State}}}}\t{}", labels.join("\t"));

    Cmd::new(engine).args([
        "ps",
        "-a",
        "--filter",
        &format!("label={SERVICE}={service}"),
        "--format",
        &format,
    ])
}

/// Reads the answer.
pub fn rows(answer: &str) -> Vec<Row> {
    let row = |line: &str| {
        let mut words = line.split('\t');
        let (name, state, project, folder) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        let one_off = words.next().is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let number = words.next().and_then(|word| word.trim().parse().ok());

        Some(Row {
            name: name.into(),
            state: state.into(),
            project: project.into(),
            folder: folder.into(),
            number,
            one_off,
        })
    };
    answer.lines().filter_map(row).collect()
}

/// The containers to use, all of one project: one, or its replicas. If there is none, the inner
/// error says so.
///
/// # Errors
/// Several projects fit, or a leftover variable leads to another one.
pub fn choose<'a>(
    rows: &'a [Row],
    wanted: &Service,
) -> Result<Result<Vec<&'a Row>, Problem>, Problem> {
    let rows: Vec<&Row> = rows.iter().filter(|row| !row.one_off).collect();
    let in_project = |row: &&Row| {
        wanted
            .project
            .as_ref()
            .map_or(same_folder(&row.folder, &wanted.folder), |p| row.project == *p)
    };

    let mut mine: Vec<&Row> = rows.iter().copied().filter(in_project).collect();
    if let (None, Some(name)) = (&wanted.project, &wanted.left_over) {
        let (said, others): (Vec<&Row>, Vec<&Row>) =
            mine.iter().partition(|row| row.project == *name);
        let elsewhere = rows.iter().find(|row| row.project == *name);
        match (said.is_empty(), others.first(), elsewhere) {
            (true, None, None) => {}
            (true, here, elsewhere) => {
                return Err(led_away(wanted, name, here.copied(), elsewhere.copied()));
            }
            (false, ..) => mine = said,
        }
    }

    let projects: BTreeSet<&str> = mine.iter().map(|row| row.project.as_str()).collect();
    if projects.len() > 1 {
        let way = format!(
            "name one: `compose = {{ service = \"{}\", project = \"…\" }}`",
            wanted.service
        );
        return Err(several(wanted, &mine, way));
    }

    mine.retain(|row| wanted.index.is_none_or(|index| row.number == Some(index)));
    mine.sort_by_key(|row| (row.number, row.name.clone()));

    Ok(if mine.is_empty() { Err(absent(wanted, &rows)) } else { Ok(mine) })
}

/// The one to use.
///
/// # Errors
/// It has replicas, and each may have its own data.
pub fn only<'a>(mine: &[&'a Row], wanted: &Service) -> Result<&'a Row, Problem> {
    match mine {
        [one] => Ok(one),
        _ => {
            let numbers = mine
                .iter()
                .filter_map(|row| row.number)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(" or ");

            let way = format!(
                "name one: `compose = {{ service = \"{}\", index = … }}`, with {numbers}",
                wanted.service
            );
            Err(several(wanted, mine, way))
        }
    }
}

fn several(wanted: &Service, rows: &[&Row], cure: String) -> Problem {
    let mut shown: Vec<String> = rows.iter().map(|row| row.shown()).collect();
    shown.sort();

    Problem::refused(format!(
        "{} containers are the compose service `{}`",
        rows.len(),
        wanted.service
    ))
    .code(Code::WrongTarget)
    .because(shown.join("\n"))
    .because("each may have its own data; nothing was changed")
    .cure(cure)
}

fn led_away(wanted: &Service, name: &str, here: Option<&Row>, elsewhere: Option<&Row>) -> Problem {
    let theirs =
        elsewhere.map_or("that project has no container of the service".into(), Row::shown);
    let ours = here.map_or(format!("there is none in {}", wanted.folder.display()), Row::shown);

    Problem::refused(format!(
        "COMPOSE_PROJECT_NAME names the compose project `{name}`, which is not this folder's"
    ))
    .code(Code::WrongTarget)
    .because(format!("in that project: {theirs}\nin this folder: {ours}"))
    .because(
        "a variable left over from another folder must not decide whose data is used; nothing was \
         changed",
    )
    .cure(format!(
        "`unset COMPOSE_PROJECT_NAME`, or name the project in the file: `compose = {{ service = \
         \"{}\", project = \"…\" }}`",
        wanted.service
    ))
}

fn absent(wanted: &Service, rows: &[&Row]) -> Problem {
    let number = wanted.index.map_or(String::new(), |index| format!(" of the number {index}"));
    let others: Vec<_> = rows
        .iter()
        .map(|r| format!("{} (project {}, in {})", r.name, r.project, r.folder.display()))
        .collect();
    let others = if others.is_empty() {
        String::new()
    } else {
        format!("of other projects: {}", others.join(", "))
    };

    Problem::failed(format!(
        "there is no container{number} of the compose service `{}` of `{}`",
        wanted.service,
        wanted.folder.display()
    ))
    .code(Code::ContainerDown)
    .because(others)
    .cure(
        "start it (`docker compose up -d`), or name the compose file's project in `compose = { \
         service = …, project = … }`",
    )
}

fn same_folder(a: &Path, b: &Path) -> bool {
    let real = |p: &Path| std::fs::canonicalize(p).unwrap_or_else(|_| p.to_path_buf());
    real(a) == real(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "/nowhere/shop";

    /// `name project folder number one-off`
    fn row(words: &str) -> Row {
        let words: Vec<&str> = words.split(' ').collect();
        let line = format!(
            "{}\trunning\t{}\t{}\t{}\t{}",
            words[0],
            words[1],
            words[2],
            words.get(4).unwrap_or(&"False"),
            words[3]
        );
        rows(&line).remove(0)
    }

    fn wanted(project: Option<&str>, left_over: Option<&str>, index: Option<u32>) -> Service {
        let own = |text: Option<&str>| text.map(String::from);
        Service {
            service: "db".into(),
            folder: HERE.into(),
            project: own(project),
            left_over: own(left_over),
            index,
        }
    }

    const LED: &str =
        "COMPOSE_PROJECT_NAME names the compose project `other`, which is not this folder's";

    #[test]
    fn who_is_meant() {
        let one = row("shop-db-1 shop /nowhere/shop 1");
        let second = row("shop-db-2 shop /nowhere/shop 2");
        let run = row("shop-db-run-1 shop /nowhere/shop 1 True");
        let test = row("shop-test-db-1 shop-test /nowhere/shop 1");
        let other = row("other-db-1 other /nowhere/other 1");

        let all = |rows: &[&Row]| rows.iter().map(|row| (*row).clone()).collect::<Vec<_>>();
        for (rows, wanted, want) in [
            (all(&[&one]), wanted(None, None, None), "shop-db-1"),
            (all(&[&run, &one]), wanted(None, None, None), "shop-db-1"),
            (all(&[&run]), wanted(None, None, None), "absent"),
            (all(&[&other, &one]), wanted(None, None, None), "shop-db-1"),
            (
                all(&[&one, &test]),
                wanted(None, None, None),
                "2 containers are the compose service `db`",
            ),
            (all(&[&one, &test]), wanted(Some("shop-test"), None, None), "shop-test-db-1"),
            // the variable may choose among this folder's own
            (all(&[&one, &test]), wanted(None, Some("shop-test"), None), "shop-test-db-1"),
            (all(&[&one]), wanted(None, Some("shop"), None), "shop-db-1"),
            (all(&[&one, &other]), wanted(None, Some("other"), None), LED),
            (all(&[&one]), wanted(None, Some("other"), None), LED),
            (all(&[&other]), wanted(None, Some("other"), None), LED),
            (all(&[]), wanted(None, Some("other"), None), "absent"),
            // what the file says wins over it
            (all(&[&one, &other]), wanted(Some("other"), Some("shop"), None), "other-db-1"),
            (all(&[&second, &one]), wanted(None, None, None), "shop-db-1 shop-db-2"),
            (all(&[&second, &one]), wanted(None, None, Some(2)), "shop-db-2"),
            (all(&[&second, &one]), wanted(None, None, Some(3)), "absent"),
        ] {
            let got = match choose(&rows, &wanted) {
                Err(refused) => refused.tried,
                Ok(Err(_)) => "absent".into(),
                Ok(Ok(found)) => {
                    found.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(" ")
                }
            };
            assert_eq!(got, want, "{rows:?} {wanted:?}");
        }
    }

    #[test]
    fn replicas_are_named() {
        let (one, second) =
            (row("shop-db-1 shop /nowhere/shop 1"), row("shop-db-2 shop /nowhere/shop 2"));
        let refused = only(&[&one, &second], &wanted(None, None, None)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "2 containers are the compose service `db`\n  shop-db-1 (running, project shop, in \
             /nowhere/shop)\n  shop-db-2 (running, project shop, in /nowhere/shop)\n  each may \
             have its own data; nothing was changed\n  next: name one: `compose = { service = \
             \"db\", index = … }`, with 1 or 2"
        );
    }
}
