//! What an image must have for work on a tree there, and how to use its own `tar`.

use super::{Inside, READING};
use crate::cmd::Cmd;
use crate::value::tree::Given;

/// What a restore and an undo need.
const RESTORE: [&str; 9] = ["chmod", "find", "mkdir", "mv", "rm", "rmdir", "stat", "sync", "tar"];
/// What a wipe needs.
const WIPE: [&str; 3] = ["find", "rm", "stat"];
/// Names the programs that are not on PATH, and asks `mv` what it supports.
const SEEK: &str = r#"for p; do f=; IFS=:; for d in $PATH; do [ -x "$d/$p" ] && f=1; done; [ "$f" ] || echo "no $p"; done
mv --help 2>&1; echo asked"#;

/// How an image's own `tar` writes archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tar {
    /// In its only format, usually with whole seconds.
    Plain,
    /// With extended headers, which have fractions of seconds (GNU tar before 1.27).
    Posix,
    /// With attributes, too, if asked to (GNU tar).
    Gnu,
    /// With attributes, unless told not to (bsdtar).
    Libarchive,
}

/// GNU tar's options for attributes: write them all, so that we notice those that can't be kept.
const ALL: [&str; 2] = ["--xattrs", "--xattrs-include=*"];
/// Set those that give no rights.
const PLAIN: [&str; 3] =
    ["--xattrs", "--xattrs-include=user.*", "--xattrs-include=system.posix_acl_*"];
/// Set those that do.
const POWER: [&str; 2] = ["--xattrs-include=security.capability", "--xattrs-include=trusted.*"];

/// What an image lacks for some work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lacks(Vec<&'static str>);

impl Lacks {
    /// The first of these programs that are missing.
    fn of(is_missing: impl Fn(&str) -> bool) -> Self {
        Self(RESTORE.into_iter().filter(|program| is_missing(program)).collect())
    }

    /// Why nothing can be restored there.
    pub fn restore(&self) -> Option<String> {
        Some(format!(
            "the image has no {}, which a restore needs; a backup does not",
            listed(&self.0)?
        ))
    }

    /// Why nothing can be emptied there.
    pub fn wipe(&self) -> Option<String> {
        let missing: Vec<&str> =
            self.0.iter().copied().filter(|program| WIPE.contains(program)).collect();
        Some(format!("the image has no {}, which a wipe needs", listed(&missing)?))
    }
}

fn listed(missing: &[&str]) -> Option<String> {
    let all: Vec<String> = missing.iter().map(|program| format!("`{program}`")).collect();
    let (last, rest) = all.split_last()?;
    Some(if rest.is_empty() {
        last.clone()
    } else {
        format!("{} and no {last}", rest.join(", no "))
    })
}

impl Inside {
    /// Asks at once which programs of [`Lacks`] are missing. It needs a shell.
    pub fn seek(&self) -> Cmd {
        self.exec(&["sh", "-c", SEEK, "sh"]).args(RESTORE)
    }

    /// Reads the answer; `None` if there was no shell to give it.
    pub fn lacks(answer: &str) -> Option<Lacks> {
        let said = answer.trim_end().strip_suffix("asked")?;
        let is_missing = |program: &str| match program {
            "mv" if !renames(said) => true,
            program => said.lines().any(|line| line.strip_prefix("no ") == Some(program)),
        };
        let mut lacks = Lacks::of(is_missing);
        let is_there = !said.lines().any(|line| line == "no mv");

        lacks
            .0
            .iter_mut()
            .filter(|program| is_there && **program == "mv")
            .for_each(|program| *program = "mv -T");

        Some(lacks)
    }

    /// Asks one after the other, as far as `is_missing` knows.
    ///
    /// # Errors
    /// Those of `is_missing`.
    pub fn lacks_one_by_one<E>(
        &self,
        mut is_missing: impl FnMut(&Cmd) -> Result<bool, E>,
    ) -> Result<Lacks, E> {
        let mut missing = Vec::new();
        for program in RESTORE {
            if is_missing(&self.has(program))? {
                missing.push(program);
            }
        }
        Ok(Lacks(missing))
    }

    /// Asks whether the image has a program: see [`Inside::is_missing`]. Without `tar`, docker
    /// itself makes a dump.
    pub fn has(&self, program: &str) -> Cmd {
        self.exec(&[program, "--help"])
    }

    /// Whether an exit code of [`Inside::has`] says that there is no such program; others only say
    /// that it knows no `--help`.
    pub fn is_missing(code: Option<i32>) -> bool {
        matches!(code, Some(126 | 127))
    }

    /// Asks whether GNU tar was built with support for attributes: if not, it says so on standard
    /// error.
    pub fn knows_attributes(&self) -> Cmd {
        self.wrapped(
            Cmd::new("tar")
                .args(ALL)
                .args(["-cf", "-", "--no-recursion", "-C", "/", "."])
                .env("LC_ALL", "C"),
        )
    }

    /// Unpacks a tar from standard input into the folder that [`Inside::stage`] made, by the
    /// image's own `tar`.
    pub fn feed_with_tar(&self, tar: Tar, given: Given) -> Cmd {
        let words: &[&[&str]] = match (tar, given) {
            (Tar::Gnu, Given::Plain) => &[&PLAIN],
            (Tar::Gnu, Given::All) => &[&PLAIN, &POWER],
            (Tar::Libarchive, Given::Plain) => &[&["--no-xattrs"]],
            (Tar::Plain | Tar::Posix, _) | (Tar::Libarchive, Given::All) => &[],
        };
        self.feeding().args(words.iter().copied().flatten().copied())
    }

    /// Removes what that folder inherited from its parent, by a tar with only its root: everything
    /// created in it would inherit it, too.
    pub fn bare(&self) -> Cmd {
        self.feeding().arg("--acls")
    }

    fn feeding(&self) -> Cmd {
        let mut cmd = self.exec(&["tar", "-xpf", "-", "-C", &self.at("coming")]);
        cmd.args.insert(1, "-i".into());
        cmd
    }

    /// A tar of what is in a folder. Whatever the image's language, names are bytes, and messages
    /// are in English.
    pub(super) fn tar_of(&self, path: &str, tar: Tar) -> Cmd {
        let (program, args) = (READING[0], READING[1..].iter().copied());
        let cmd = self.wrapped(Cmd::new(program).args(args).arg(path).env("LC_ALL", "C"));
        match tar {
            Tar::Plain => cmd,
            Tar::Posix | Tar::Libarchive => cmd.arg("--format=posix"),
            Tar::Gnu => cmd.arg("--format=posix").args(ALL),
        }
    }
}

impl Tar {
    /// What a `tar` says about itself in its help.
    pub fn by_help(help: &str) -> Self {
        match () {
            () if help.contains("bsdtar") => Self::Libarchive,
            () if help.contains("--xattrs-include") => Self::Gnu,
            () if help.contains("--format") => Self::Posix,
            () => Self::Plain,
        }
    }

    /// The kind of `tar`, from its answer to [`Inside::knows_attributes`].
    #[must_use]
    pub fn by_word(self, said: &str) -> Self {
        if self == Self::Gnu && said.contains("support is not available") {
            Self::Posix
        } else {
            self
        }
    }

    /// Whether what it writes has attributes.
    pub fn tells_attributes(self) -> bool {
        matches!(self, Self::Gnu | Self::Libarchive)
    }
}

/// A tar of one small file, to be passed as text.
pub(super) fn one_file(name: &str, content: &[u8]) -> Option<String> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o600);
    header.set_size(content.len() as u64);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, content).ok()?;
    String::from_utf8(builder.into_inner().ok()?).ok()
}

/// Whether a `mv` with this help can rename a folder to exactly the given name, which older
/// busyboxes can't.
fn renames(help: &str) -> bool {
    let mut flags =
        help.split(|sign: char| sign.is_whitespace() || matches!(sign, '[' | ']' | ','));
    !help.contains("sage")
        || flags.any(|flag| flag.starts_with('-') && !flag.starts_with("--") && flag.contains('T'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let gnu = "Usage: mv [OPTION]... [-T] SOURCE DEST\n  -T, --no-target-directory  treat \
                   DEST as a normal file\n";
        for (said, restore, wipe) in [
            (String::new(), None, None),
            (gnu.into(), None, None),
            ("Usage: mv [-finT] SOURCE DEST\n".into(), None, None),
            (
                "Usage: mv [-fin] SOURCE DEST\nor: mv [-fin] SOURCE... DIRECTORY\n".into(),
                Some("`mv -T`"),
                None,
            ),
            (format!("no sync\n{gnu}"), Some("`sync`"), None),
            (
                format!("no find\nno rmdir\nno sync\n{gnu}"),
                Some("`find`, no `rmdir` and no `sync`"),
                Some("`find`"),
            ),
            ("no mv\nsh: mv: not found\n".into(), Some("`mv`"), None),
        ] {
            let lacks = Inside::lacks(&format!("{said}asked\n")).unwrap();
            let wanted = restore.map(|what| {
                format!("the image has no {what}, which a restore needs; a backup does not")
            });
            assert_eq!(lacks.restore(), wanted, "{said}");
            assert_eq!(
                lacks.wipe(),
                wipe.map(|what| format!("the image has no {what}, which a wipe needs")),
                "{said}"
            );
        }

        assert_eq!(Inside::lacks("no sync\n"), None, "it was cut off");
    }

    #[test]
    fn who_can_be_asked_for_parts_of_seconds() {
        for (help, tar) in [
            ("  -H, --format=FORMAT       create archive of the given format", Tar::Posix),
            (
                "  -H, --format=FORMAT  create archive\n  --xattrs-include=MASK  specify the \
                 include pattern for xattr keys",
                Tar::Gnu,
            ),
            (
                "tar(bsdtar): manipulate archive files\n  --format {ustar|pax|cpio|shar}  Select \
                 archive format",
                Tar::Libarchive,
            ),
            ("Usage: tar c|x|t [-ZzJjahmvokO] [-f TARFILE] [-C DIR] [FILE]...", Tar::Plain),
            ("", Tar::Plain),
        ] {
            assert_eq!(Tar::by_help(help), tar, "{help}");
        }

        assert_eq!(Tar::Gnu.by_word("tar: XATTR support is not available\n"), Tar::Posix);
        assert_eq!(Tar::Gnu.by_word(""), Tar::Gnu);

        assert!(
            Inside::is_missing(Some(127))
                && !Inside::is_missing(Some(1))
                && !Inside::is_missing(None)
        );
    }
}
