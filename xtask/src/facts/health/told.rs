//! What goes on without a person: whether notices can be sent, and whether the files can be written
//! that a team or a monitor reads.

use std::path::Path;

use super::{Finding, State};
use crate::config::notices::Way;
use crate::config::{Notice, Project};

/// Whether a program is on PATH.
type Has<'a> = &'a dyn Fn(&str) -> bool;

/// All of it.
pub(super) fn findings(project: &Project) -> Vec<Finding> {
    let has = |program: &str| which::which(program).is_ok();
    let missing = project.notices.iter().filter_map(|notice| without_program(notice, &has));
    let files = [("audit.file", &project.audit), ("metrics.textfile", &project.metrics)];
    let files = files.into_iter().filter_map(|(key, path)| without_folder(key, path.as_deref()?));
    missing.chain(files).collect()
}

fn without_program(notice: &Notice, has: Has<'_>) -> Option<Finding> {
    let program = match &notice.way {
        Way::Webhook { .. } | Way::Ping(_) | Way::Mail { server: Some(_), .. } => "curl",
        Way::Mail { server: None, .. } => "sendmail",
        Way::Command(_) => return None,
    };
    (!has(program)).then(|| {
        Finding::other(
            State::Problem,
            format!("notice {}", notice.name),
            format!("it is sent by `{program}`, which is not on PATH"),
            format!("install {program}; until then each run warns, and nobody is told"),
        )
    })
}

/// A folder is not made for them: it is somebody else's.
fn without_folder(key: &str, path: &Path) -> Option<Finding> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    (!folder.is_dir()).then(|| {
        Finding::other(
            State::Problem,
            format!("`{key}`"),
            format!("there is no folder `{}`", folder.display()),
            "make it, or correct `db-tasks.toml`; until then each run warns",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretName;

    #[test]
    fn a_notice_needs_its_program() {
        let notice = |way| Notice {
            name: "ops".into(),
            on: Vec::new(),
            commands: Vec::new(),
            environments: Vec::new(),
            way,
        };
        let ping = notice(Way::Ping(SecretName("x".into())));
        let mail = notice(Way::Mail { to: Vec::new(), from: String::new(), server: None });

        let only = |name: &'static str| move |program: &str| program == name;
        assert_eq!(without_program(&ping, &only("curl")), None);
        assert_eq!(without_program(&mail, &only("sendmail")), None);
        let found = without_program(&mail, &only("curl")).unwrap();
        assert!(found.why.contains("`sendmail`"), "{found:?}");
        assert!(without_program(&ping, &only("sendmail")).unwrap().why.contains("`curl`"));
    }
}
