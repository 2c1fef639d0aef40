//! Versions: which client fits which server, and what each client knows.

/// A version as `server_version_num` gives it (150018, 170006).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Version(pub u32);

impl Version {
    /// The major version (15; before 10, 96 for 9.6).
    pub fn major(self) -> u32 {
        if self.0 >= 100_000 { self.0 / 10_000 } else { self.0 / 100 }
    }

    /// Reads the first number of a text such as `15.18 (Debian 15.18-0+deb12u1)` or `18beta1`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        // what a file says may be any number
        let mut parts = digits.split('.').map(|p| p.parse::<u32>().unwrap_or(0).min(9_999));
        let major = parts.next().filter(|m| (1..1_000).contains(m))?;
        let (minor, patch) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0).min(99));

        Some(Self(if major >= 10 {
            major * 10_000 + minor
        } else {
            major * 10_000 + minor * 100 + patch
        }))
    }

    /// Whether psql of this version knows `\restrict` (CVE-2025-8714: 13.22, 14.19, 15.14, 16.10,
    /// 17.6 and 18). <https://www.postgresql.org/support/security/CVE-2025-8714/>
    pub fn knows_restrict(self) -> bool {
        let first = match self.major() {
            13 => 130_022,
            14 => 140_019,
            15 => 150_014,
            16 => 160_010,
            17 => 170_006,
            major => return major >= 18,
        };
        self.0 >= first
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 >= 100_000 {
            write!(f, "{}.{}", self.0 / 10_000, self.0 % 10_000)
        } else {
            write!(f, "{}.{}.{}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
        }
    }
}

/// Why a dump made there may not load here; `None` if nothing speaks against it. pg_dump promises
/// dumps that load into servers of its own version or newer, not older.
/// <https://www.postgresql.org/docs/current/app-pgdump.html#PG-DUMP-NOTES>
pub fn misfit(dumped_from: Option<Version>, server: Version) -> Option<String> {
    let from = dumped_from.filter(|v| v.major() > server.major())?;
    Some(format!(
        "it is from PostgreSQL {} and the server is {server}: dumps load into the same version or \
         a newer one",
        from.major()
    ))
}

/// Whether a dump has a setting that its server does not know: pg_dump 17 and newer write `SET
/// transaction_timeout` for any server (<https://www.postgresql.org/docs/17/release-17.html>).
/// Without that line such a dump loads into its original server.
pub fn sets_unknown(dumped_by: Option<Version>, server: Version) -> bool {
    dumped_by.is_none_or(|v| v.major() >= 17) && server.major() < 17
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_programs_print() {
        for (text, want) in [
            ("15.18 (Debian 15.18-0+deb12u1)", 150_018),
            ("18beta1", 180_000),
            ("9.6.24", 90_624),
            ("17.6", 170_006),
        ] {
            assert_eq!(Version::parse(text), Some(Version(want)), "{text}");
        }

        assert_eq!(Version::parse("devel"), None);
        assert_eq!((Version(90_624).major(), Version(150_018).major()), (906, 15));
    }

    #[test]
    fn knows_when_restrict_came() {
        for (version, knows) in [
            (130_021, false),
            (130_022, true),
            (160_002, false),
            (160_010, true),
            (170_005, false),
            (180_000, true),
            (120_000, false),
        ] {
            assert_eq!(Version(version).knows_restrict(), knows, "{version}");
        }
    }

    #[test]
    fn dumps_load_upwards_only() {
        let v = |n| Some(Version(n));
        assert!(misfit(v(150_000), Version(150_018)).is_none());
        assert!(misfit(v(140_000), Version(150_018)).is_none());
        assert!(misfit(v(160_000), Version(150_018)).unwrap().contains("PostgreSQL 16"));
        assert!(misfit(None, Version(150_018)).is_none());

        for (by, server, unknown) in
            [(170_000, 160_000, true), (170_000, 170_000, false), (160_002, 150_018, false)]
        {
            assert_eq!(sets_unknown(v(by), Version(server)), unknown, "{by} {server}");
        }

        assert!(sets_unknown(None, Version(150_018)), "a foreign file does not say who wrote it");
    }
}
