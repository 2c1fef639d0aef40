//! `db-doctor`: find what would go wrong, and how to fix it.

mod view;

use anyhow::Result;
use clap::Args;

use super::Command;
use crate::facts::health;
use crate::problem::Exit;
use crate::session::servers::Wants;
use crate::session::{Intent, Session};
use crate::tasks::{self, Task};

/// `db-doctor`
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub struct Doctor {}

const EXAMPLES: &str = "\
Examples:
  db-doctor                  exit 1 when it finds a problem: a good first step on a new machine
  db-doctor --json           the same for programs";

impl Command for Doctor {
    fn task(&self) -> &'static Task {
        &tasks::DOCTOR
    }

    fn run(&self, session: &mut Session) -> Result<Exit> {
        let all = session.project.databases.clone();
        session.with_servers(&all, Wants::AsFound, Intent::Run, show_findings)
    }
}

fn show_findings(session: &mut Session) -> Result<Exit> {
    let findings = health::examine(&health::Patient {
        project: &session.project,
        env: &session.env,
        surveyor: session.surveyor(),
    });
    let text = session.typed.text(&view::text(&findings));
    session.show(&text, view::json(&findings))?;
    Ok(if findings.iter().any(|f| f.is_problem()) { Exit::Failed } else { Exit::Done })
}
