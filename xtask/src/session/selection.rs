//! Which databases and stores a command is about.

use anyhow::Result;

use super::Session;
use crate::bundle::Names;
use crate::config::{Database, Store};
use crate::problem::Problem;

/// Databases and stores, as the file has them.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The databases.
    pub databases: Vec<Database>,
    /// The stores.
    pub stores: Vec<Store>,
}

impl Session {
    /// The selected ones: all, or those with these names.
    pub fn meant(&self, only: &[String]) -> Result<Selection> {
        if only.is_empty() {
            return Ok(Selection {
                databases: self.project.databases.clone(),
                stores: self.project.stores.clone(),
            });
        }

        let mut meant = Selection::default();
        for name in only {
            match self.project.stores.iter().find(|s| s.key == *name) {
                Some(store) => meant.stores.push(store.clone()),
                None => meant
                    .databases
                    .extend(self.databases(Some(name)).map_err(|e| self.with_stores(e))?),
            }
        }

        // naming one twice counts once
        let mut seen = std::collections::BTreeSet::new();
        meant.databases.retain(|d| seen.insert(d.key.clone()));
        meant.stores.retain(|s| seen.insert(s.key.clone()));

        Ok(meant)
    }

    /// The names that these databases have now; unknown if a container is not running.
    pub fn names(&self, databases: &[Database]) -> Names {
        let name = |database: &Database| match &database.connection.database {
            Some(name) => Some(name.clone()),
            None => self
                .surveyor()
                .client(database)
                .ok()
                .map(|(client, ..)| client.database().to_owned()),
        };
        databases.iter().filter_map(|d| Some((d.key.clone(), name(d)?))).collect()
    }

    fn with_stores(&self, error: anyhow::Error) -> anyhow::Error {
        let stores: Vec<String> =
            self.project.stores.iter().map(|s| format!("`{}`", s.key)).collect();

        match error.downcast::<Problem>() {
            Ok(problem) if !stores.is_empty() => {
                let known = problem.cure.clone().unwrap_or_default();
                problem.cure(format!("{known}; and the stores {}", stores.join(", "))).into()
            }
            Ok(problem) => problem.into(),
            Err(e) => e,
        }
    }
}
