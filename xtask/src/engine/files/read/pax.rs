//! The extended headers of an entry.

use std::io::Read;

use anyhow::Result;
use tar::EntryType;

use super::super::attributes;
use super::{Item, Links, Shape};
use crate::value::tree::{Attributes, Census, Kind, Moment, Name, What, escaped};

/// What extended headers say.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) mtime: Option<Moment>,
    pub(super) attributes: Attributes,
    pub(super) missed: Option<What>,
}

/// The extended headers: the library reads names and sizes, we read the time. Anything else is
/// refused if it would change what the entry is.
pub(super) fn extensions<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Extensions, String> {
    let global = entry.header().entry_type() == EntryType::XGlobalHeader;
    let Some(extensions) = entry.pax_extensions().map_err(|e| e.to_string())? else {
        return Ok(Extensions::default());
    };
    let mut said = Extensions::default();

    for extension in extensions {
        let extension = extension.map_err(|_| "an extended header that can't be read")?;
        match extension.key_bytes() {
            b"mtime" => {
                said.mtime =
                    Some(moment(extension.value_bytes()).ok_or("a time that can't be read")?)
            }
            b"path" | b"linkpath" | b"size" if global => {
                return Err("one name for all entries".into());
            }
            key if key.starts_with(b"GNU.sparse.") => {
                return Err("a sparse file in pax format, which is not supported".into());
            }
            key if !global => {
                attributes::take(&mut said.attributes, key, extension.value_bytes())?;
                said.missed = said.missed.or_else(|| attributes::missed(key));
            }
            _ => {}
        }
    }

    Ok(said)
}

/// `seconds[.fraction]`, as pax has it.
pub(super) fn moment(text: &[u8]) -> Option<Moment> {
    let text = str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let secs: i64 = whole.parse().ok()?;

    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }

    let nanos: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    // -1.25 is a quarter before the second that ends in -1
    if whole.starts_with('-') && nanos > 0 {
        return Some(Moment { secs: secs.checked_sub(1)?, nanos: 1_000_000_000 - nanos });
    }

    Some(Moment { secs, nanos })
}

/// Whether an entry stays inside the tree and agrees with those before it.
pub(super) fn fits(item: Item, census: &Census, links: Links) -> Result<Item, String> {
    let kind = |name: &Name| census.entries.get(name).map(|entry| &entry.kind);

    if item.name == Name::ROOT && item.shape != Shape::Folder {
        return Err("the root of the tree, but not a folder".into());
    }
    if census.entries.contains_key(&item.name) {
        return Err("a second entry of this name".into());
    }

    let path = item.name.bytes();
    for at in (0..path.len()).filter(|at| path[*at] == b'/') {
        if census.entries.get(&path[..at]).is_some_and(|entry| entry.kind != Kind::Folder) {
            return Err(format!("it is in `{}`, which is not a folder", escaped(&path[..at])));
        }
    }

    // a folder whose entry comes after its contents is not written by us, but allowed
    let below = census.entries.range(item.name.join(b"")..).next();
    if item.shape != Shape::Folder
        && below.is_some_and(|(name, _)| name.bytes().starts_with(item.name.join(b"").bytes()))
    {
        return Err("a file where a folder was".into());
    }

    match &item.shape {
        Shape::Symlink(to) if links == Links::Inside && item.name.leads_out(to) => {
            Err(format!("a link that may lead out of the tree, to `{}`", escaped(to)))
        }
        Shape::Hardlink(to) if !matches!(kind(to), Some(Kind::File { .. })) => {
            Err(format!("a hard link to `{to}`, which is not an earlier file in the archive"))
        }
        _ => Ok(item),
    }
}
