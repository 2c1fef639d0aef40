//! Who runs the server: postgres refuses to run as root.

/// Who runs the server's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunAs {
    /// The user who runs this tool.
    Ourselves,
    /// Root, as another user in a user namespace: it needs no account, and the files still belong
    /// to root.
    Namespace,
    /// Another account.
    Account(Account),
}

/// An account's user and group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

impl RunAs {
    /// The words in front of a program.
    pub fn through(&self) -> Vec<String> {
        let words: Vec<String> = match self {
            Self::Ourselves => vec![],
            Self::Namespace => ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
                .map(String::from)
                .to_vec(),
            // the programs change to their folder and back, so they must start in a folder they can
            // enter
            Self::Account(Account { user, group }) => {
                let (user, group) = (format!("--reuid={user}"), format!("--regid={group}"));
                vec![
                    "env".into(),
                    "--chdir=/".into(),
                    "setpriv".into(),
                    user,
                    group,
                    "--clear-groups".into(),
                    "--".into(),
                ]
            }
        };
        words
    }
}

/// Who runs the server for root: the owner of an existing cluster, otherwise the first who can.
pub fn for_root(
    owner: Option<Account>,
    accounts: &[Account],
    can: impl Fn(&RunAs) -> bool,
) -> Option<RunAs> {
    let candidates = match owner {
        None => std::iter::once(RunAs::Namespace)
            .chain(accounts.iter().copied().map(RunAs::Account))
            .collect(),
        Some(Account { user: 0, .. }) => vec![RunAs::Namespace],
        Some(other) => vec![RunAs::Account(other)],
    };
    candidates.into_iter().find(can)
}

/// The accounts that usually run servers, from the text of `/etc/passwd`.
pub fn accounts(passwd: &str) -> Vec<Account> {
    let of = |name: &str| {
        let fields: Vec<&str> = passwd
            .lines()
            .map(|l| l.split(':').collect())
            .find(|f: &Vec<&str>| f.first() == Some(&name))?;
        Some(Account { user: fields.get(2)?.parse().ok()?, group: fields.get(3)?.parse().ok()? })
    };
    ["postgres", "nobody"].iter().filter_map(|name| of(name)).filter(|a| a.user != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRES: Account = Account { user: 101, group: 104 };
    const NOBODY: Account = Account { user: 65534, group: 65534 };

    #[test]
    fn root_serves_through_whoever_can() {
        use RunAs::{Account as As, Namespace};

        for (owner, able, want) in [
            (None, vec![Namespace, As(POSTGRES)], Some(Namespace)),
            (None, vec![As(POSTGRES), As(NOBODY)], Some(As(POSTGRES))),
            (None, vec![As(NOBODY)], Some(As(NOBODY))),
            (None, vec![], None),
            (Some(Account { user: 0, group: 0 }), vec![As(POSTGRES)], None),
            (Some(NOBODY), vec![Namespace, As(NOBODY)], Some(As(NOBODY))),
        ] {
            assert_eq!(
                for_root(owner, &[POSTGRES, NOBODY], |s| able.contains(s)),
                want,
                "{owner:?} {able:?}"
            );
        }
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(
            RunAs::Account(POSTGRES).through().join(" "),
            "env --chdir=/ setpriv --reuid=101 --regid=104 --clear-groups --"
        );
        assert!(RunAs::Ourselves.through().is_empty());
    }

    #[test]
    fn accounts_are_read() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\npostgres:x:\
                      101:104:,,,:/:/bin/sh\n";
        assert_eq!(accounts(passwd), [POSTGRES, NOBODY]);
        assert_eq!(accounts("nobody:x:0:0::/:/\nbroken\n"), []);
    }
}
