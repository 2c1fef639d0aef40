//! A project-local PostgreSQL cluster: found, made, started and stopped on demand.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::config::Env;

/// A cluster's coordinates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its folder.
    pub folder: PathBuf,
    /// The folder of its socket.
    pub socket_dir: PathBuf,
    /// The folder of the server's programs.
    pub programs: PathBuf,
    /// The superuser.
    pub user: String,
}

/// The cluster of a folder.
pub fn of(folder: &Path, configured: Option<&Path>, env: &Env) -> Result<Cluster> {
    let _ = (configured, env);
    Ok(Cluster {
        folder: folder.into(),
        socket_dir: folder.into(),
        programs: "/usr/lib/postgresql/15/bin".into(),
        user: "postgres".into(),
    })
}
