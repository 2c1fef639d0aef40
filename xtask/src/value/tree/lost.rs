//! What an archive lacks, or what restoring it will not bring back, in words.

use super::attributes::{Given, granted};
use super::census::{Census, Remark, What};
use super::name::Name;

/// Of sockets, pipes and devices.
pub const LEFT_OUT: &str = "sockets, pipes and devices are left out of backups";
/// Of links.
pub const LEADS_OUT: &str = "a link that may lead out of the tree is restored only with `--trust`";
const ATTRIBUTES: &str =
    "backups include only these extended attributes: ACLs, capabilities, `user.` and `trusted.`";
/// For everything in a container whose programs can't read them.
const UNKNOWN: &str = "ACLs, extended attributes and capabilities, if there are any, are not in \
                       this backup: the image has no `tar` that can read them (GNU tar can)";
/// How many names to show; of the rest, the number.
const TOLD: usize = 3;

/// What a restore of a tree will not bring back, or only with an option, by what was noticed.
pub fn lost(remarks: &[Remark]) -> Vec<String> {
    let kinds = [
        (What::NoContent, LEFT_OUT),
        (What::LeadsOut, LEADS_OUT),
        (What::AttributesLost, ATTRIBUTES),
    ];

    let told = kinds
        .iter()
        .filter_map(|(what, why)| named(remarks, *what).map(|names| format!("{names}: {why}")));
    told.chain(unknown(remarks)).collect()
}

/// Whose attributes are unknown: those of all, or of some.
fn unknown(remarks: &[Remark]) -> Option<String> {
    let names = named(remarks, What::AttributesUnknown)?;
    let is_all = remarks.iter().any(|r| r.what == What::AttributesUnknown && r.name == Name::ROOT);
    Some(if is_all { UNKNOWN.into() } else { format!("{names}: {UNKNOWN}") })
}

/// The links that lead out of the tree, or may.
pub fn leads_out(remarks: &[Remark]) -> Option<String> {
    named(remarks, What::LeadsOut)
}

/// The entries for which this was noticed: the first ones by name.
fn named(remarks: &[Remark], what: What) -> Option<String> {
    let names: Vec<&Name> = remarks.iter().filter(|r| r.what == what).map(|r| &r.name).collect();
    some(&names)
}

impl Census {
    /// Notes that the attributes of everything in it are unknown.
    pub fn note_attributes_unknown(&mut self) {
        self.remark(&Name::ROOT, What::AttributesUnknown);
    }

    /// The census if its maker could set fewer attributes than `given` allows, which is noted.
    /// Entries with wrong attributes stay different.
    pub fn as_far_as_given(&mut self, given: Given, found: &Self) -> Self {
        let (mut made, mut left) = (self.clone(), Vec::new());
        for (name, entry) in &mut made.entries {
            let had = std::mem::take(&mut entry.attributes);
            entry.attributes = granted(&had, given);
            let has = found.entries.get(name).map_or(&entry.attributes, |found| &found.attributes);
            if has.iter().all(|(name, value)| entry.attributes.get(name) == Some(value)) {
                left.extend((*has != had).then(|| name.clone()));
                entry.attributes = has.clone();
            }
        }

        left.iter().for_each(|name| self.remark(name, What::AttributesLeft));

        made
    }

    /// Reads what GNU tar says about files that changed meanwhile; returns whether a line says
    /// that, or nothing important.
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

        if let Some((name, why)) = line.split_once(": Warning: Cannot ")
            && why.contains("xattr")
        {
            let name =
                name.strip_prefix("tar: ").and_then(|name| Name::parse(name.as_bytes()).ok());
            return name.inspect(|name| self.remark(name, What::AttributesUnknown)).is_some();
        }

        let found = said.iter().find_map(|(words, what)| {
            let name = line.split_once(words)?.0.split_once("tar: ")?.1;
            Some((Name::parse(name.as_bytes()).ok()?, *what))
        });
        found
            .inspect(|(name, what)| {
                self.remark(name, if *name == Name::ROOT { What::Stirred } else { *what })
            })
            .is_some()
    }
}

/// The first of some names, and how many more there are.
pub fn some(names: &[&Name]) -> Option<String> {
    let first =
        names.iter().take(TOLD).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
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
            ("tar: ./x: Warning: Cannot lgetxattrat: Permission denied", true),
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
                "`.` changed (entries were added or removed) while it was read"
            ]
        );
    }
}
