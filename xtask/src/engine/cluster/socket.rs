//! Where a cluster's socket is: in the cluster, or, if the path is too long for a socket, in a
//! short private folder.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What a socket's path has room for (`sun_path` without its closing zero).
const ROOM: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Where the socket's folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketDir {
    /// The cluster's own folder.
    Own(PathBuf),
    /// A folder in a shared place: it must be created, and checked to be ours.
    Apart(PathBuf),
}

impl SocketDir {
    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Own(path) | Self::Apart(path) => path,
        }
    }
}

/// The folder for a cluster's socket. It depends on nothing but the cluster's path and the server's
/// user: a login shell and a cron job, which have other runtime and temporary folders, must find
/// the same server.
pub fn dir(folder: &Path, user: u32) -> SocketDir {
    // libpq reads a comma as the end of a host
    let fits = folder.join(socket_name()).as_os_str().len() <= ROOM
        && !folder.to_string_lossy().contains(',');
    if fits {
        return SocketDir::Own(folder.to_path_buf());
    }

    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let hex: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();

    SocketDir::Apart(PathBuf::from(format!("/tmp/db-tasks-{user}-{hex}")))
}

/// The socket's file in its folder.
pub fn socket_name() -> String {
    format!(".s.PGSQL.{}", super::PORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_too_long_gets_a_short_folder() {
        let dir_of = |folder: &str| dir(Path::new(folder), 7);
        let longest = format!("/{}", "x".repeat(ROOM - "/.s.PGSQL.5432".len() - 1));
        assert_eq!(dir_of(&longest), SocketDir::Own(longest.clone().into()));

        let longer = dir_of(&format!("{longest}x"));
        let SocketDir::Apart(path) = &longer else { panic!("{longer:?}") };
        assert!(path.to_string_lossy().starts_with("/tmp/db-tasks-7-"), "{path:?}");
        assert_eq!(dir_of(&format!("{longest}x")), longer, "the same path, the same folder");
        assert_ne!(dir_of(&format!("{longest}y")), longer);

        // bytes count, not characters; and a comma would end the host
        assert!(matches!(dir_of(&format!("/{}", "ü".repeat(50))), SocketDir::Apart(_)));
        assert!(matches!(dir_of("/a,b"), SocketDir::Apart(_)));
    }
}
