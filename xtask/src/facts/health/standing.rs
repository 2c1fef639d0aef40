//! Whether the connecting role could restore the newest backup, and the next one.

use super::{Finding, Patient, State};
use crate::bundle::{Backup, Catalog};
use crate::cmd::quoted;
use crate::engine::postgres::catalog::standing::{Into, Lack, Standing};
use crate::facts::standing::{ask_standing, claims};
use crate::facts::{Surveyed, dumps};
use crate::value::{Claim, Claims, Format};

/// What prevents a restore.
pub(super) fn findings(patient: &Patient<'_>, surveyed: &Surveyed) -> Vec<Finding> {
    let what = format!("database {}: rights", surveyed.spec.key);
    let standing = match ask_standing(surveyed, &patient.project.secrets) {
        Ok(standing) => standing,
        Err(e) => return vec![Finding { state: State::Note, ..Finding::error(what, &e) }],
    };
    let left_out: Vec<Claim> =
        patient.project.restore_without.iter().map(|others| Claim::from(*others)).collect();
    let lacks = |claims: &Claims| -> Vec<Lack> {
        let all = standing.lacks(claims, Into::New).into_iter();
        all.filter(|lack| !lack.of.is_some_and(|of| left_out.contains(&of))).collect()
    };
    let live = lacks(&standing.live);

    let catalog = Catalog::read(&patient.project.backup.dir, patient.project).unwrap_or_default();
    let newest = catalog.latest(&[&surveyed.spec.key]);
    let held = newest.and_then(|backup| {
        let dump = dumps::look(
            backup,
            Some(&surveyed.spec.key),
            Format::Script,
            patient.project,
            patient.env,
        )
        .ok()?;
        Some(lacks(&claims(&dump, &patient.project.secrets).ok()?))
    });

    let mut findings: Vec<Finding> = newest
        .zip(held.as_ref())
        .and_then(|(backup, held)| of_backup(&what, backup, held))
        .into_iter()
        .collect();

    if held.as_ref() != Some(&live) {
        findings.extend(of_live(&what, surveyed, &standing, &live));
    }

    findings
}

fn of_backup(what: &str, backup: &Backup, lacks: &[Lack]) -> Option<Finding> {
    let line = format!("db-tasks db-restore {} --no-owner --no-privileges", quoted(&backup.name));
    let why = format!(
        "the newest backup ({}) can't be restored by this role as it is: {}",
        backup.name,
        reasons(lacks)?
    );
    Some(Finding::other(State::Problem, what, why, cure(lacks, &line)))
}

fn of_live(
    what: &str,
    surveyed: &Surveyed,
    standing: &Standing,
    lacks: &[Lack],
) -> Option<Finding> {
    let line = "db-tasks db-restore NAME --no-owner --no-privileges";
    let why = format!(
        "`{}` could not restore a backup of `{}` as it is now: {}",
        standing.role,
        surveyed.name(),
        reasons(lacks)?
    );
    Some(Finding::other(State::Problem, what, why, cure(lacks, line)))
}

fn reasons(lacks: &[Lack]) -> Option<String> {
    let all: Vec<&str> = lacks.iter().map(|lack| lack.why.as_str()).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn cure(lacks: &[Lack], line: &str) -> String {
    let given: Vec<&str> = lacks.iter().filter_map(|lack| lack.cure.as_deref()).collect();
    let given = if given.is_empty() {
        String::new()
    } else {
        format!("; or have an administrator run `{}`", given.join(" "))
    };
    format!("restore it without what belongs to other roles: `{line}`{given}")
}
