//! What an archive has not, or what a restore of it will not give back, in words for a person.

use super::census::{Census, Remark, What};
use super::name::Name;

/// Of sockets, pipes and devices.
pub(super) const LEFT_OUT: &str = "sockets, pipes and devices are left out of backups";
/// Of links.
pub(super) const LEADS_OUT: &str = "a link that may lead out of the tree is restored with `--trust` alone";
const ATTRIBUTES: &str = "extended attributes beside ACLs, capabilities, `user.` and `trusted.` are not in backups";
/// Names that are told; of more, the number.
const TOLD: usize = 3;

/// What of a tree a restore will not bring back, or not without being told to, after what was noticed of it.
pub fn lost(remarks: &[Remark]) -> Vec<String> {
    let kinds = [(What::NoContent, LEFT_OUT), (What::LeadsOut, LEADS_OUT), (What::AttributesLost, ATTRIBUTES)];
    kinds.iter().filter_map(|(what, why)| named(remarks, *what).map(|names| format!("{names}: {why}"))).collect()
}

/// The links of which it was noticed that they lead out of the tree, or may.
pub fn leads_out(remarks: &[Remark]) -> Option<String> {
    named(remarks, What::LeadsOut)
}

/// The entries of which this was noticed: the first ones by name.
fn named(remarks: &[Remark], what: What) -> Option<String> {
    let names: Vec<&Name> = remarks.iter().filter(|r| r.what == what).map(|r| &r.name).collect();
    some(&names)
}

impl Census {
    /// Takes in what GNU tar says of a file that changed while it read it; whether a line says such a thing, or nothing of any weight.
    pub fn is_told_changed(&mut self, line: &str) -> bool {
        let said = [
            (": file changed as we read it", What::Rewritten),
            (": File removed before we read it", What::Vanished),
            (": file removed before we read it", What::Vanished),
            (": File shrank by ", What::Shrank),
        ];
        if line.ends_with(": socket ignored") {
            return true;
        }
        let found = said.iter().find_map(|(words, what)| {
            let name = line.split_once(words)?.0.split_once("tar: ")?.1;
            Some((Name::parse(name.as_bytes()).ok()?, *what))
        });
        found.inspect(|(name, what)| self.remark(name, if *name == Name::ROOT { What::Stirred } else { *what })).is_some()
    }
}

/// The first of some names, and how many more there are.
pub(super) fn some(names: &[&Name]) -> Option<String> {
    let first = names.iter().take(TOLD).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (names.len(), names.len().saturating_sub(TOLD)) {
        (0, _) => None,
        (_, 0) => Some(first),
        (_, more) => Some(format!("{first} and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gnu_tar_says_of_files_that_change() {
        let mut census = Census::default();
        for (line, told) in [
            ("tar: ./z8: file changed as we read it", true),
            ("tar: ./a b: File removed before we read it", true),
            ("tar: ./log: File shrank by 12 bytes; padding with zeros", true),
            ("tar: .: file changed as we read it", true),
            ("tar: ./s: socket ignored", true),
            ("tar: ./x: Cannot open: Permission denied", false),
            ("OCI runtime exec failed", false),
        ] {
            assert_eq!(census.is_told_changed(line), told, "{line}");
        }
        let remarks: Vec<String> = census.changed().map(ToString::to_string).collect();
        assert_eq!(
            remarks,
            [
                "`z8` was written to while it was read",
                "`a b` vanished before it was read",
                "`log` shrank while it was read",
                "`.` had entries come or go while it was read"
            ]
        );
    }
}
