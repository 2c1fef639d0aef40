//! Extended attributes: ACLs, file capabilities, and what programs note on files.
//!
//! In a tar they are pax records in libarchive's way (`LIBARCHIVE.xattr.NAME`, in base64), because
//! every reader accepts any bytes there, and also in star's way (`SCHILY.xattr.NAME`), which GNU
//! tar knows (`tar --xattrs`).

use crate::value::tree::{Attributes, Target, What, is_kept, is_missed};

const LIBARCHIVE: &str = "LIBARCHIVE.xattr.";
const SCHILY: &str = "SCHILY.xattr.";
/// ACLs in words, as bsdtar writes them.
const IN_WORDS: &[u8] = b"SCHILY.acl.";

/// The records of a pax header for them.
pub(super) fn records(attributes: &Attributes) -> Vec<(String, Vec<u8>)> {
    let mut records = Vec::new();
    for (name, Target(value)) in attributes {
        if !name.contains('\n') {
            records.push((
                format!("{SCHILY}{}", name.replace('%', "%25").replace('=', "%3D")),
                value.clone(),
            ));
        }
        records.push((format!("{LIBARCHIVE}{}", percent(name)), base64(value)));
    }

    records
}

/// A record of an attribute with line ends, in the form without them.
pub(super) fn in_one_line(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let name = spoken(str::from_utf8(key.strip_prefix(SCHILY.as_bytes())?).ok()?);
    Some((format!("{LIBARCHIVE}{}", percent(&name)).into_bytes(), base64(value)))
}

/// A name without the escapes by which GNU tar keeps `=` out of keys.
fn spoken(name: &str) -> String {
    name.replace("%3D", "=").replace("%25", "%")
}

/// What is not kept of a record of a pax header.
pub(super) fn missed(key: &[u8]) -> Option<What> {
    let name = || str::from_utf8(key).ok()?.strip_prefix(SCHILY);
    match name() {
        _ if key.starts_with(IN_WORDS) => Some(What::AttributesUnknown),
        Some(name) => is_missed(name).then_some(What::AttributesLost),
        None => None,
    }
}

/// Reads a record of a pax header, if it is about an attribute that is kept.
///
/// # Errors
/// It can't be read.
pub(super) fn take(attributes: &mut Attributes, key: &[u8], value: &[u8]) -> Result<(), String> {
    let Ok(key) = str::from_utf8(key) else { return Ok(()) };
    let unreadable = || "an extended attribute that can't be read".to_owned();
    let (name, value) = match (key.strip_prefix(LIBARCHIVE), key.strip_prefix(SCHILY)) {
        (Some(name), _) => {
            (unpercent(name).ok_or_else(unreadable)?, unbase64(value).ok_or_else(unreadable)?)
        }
        // both forms have the same value
        (None, Some(name)) => (spoken(name), value.to_vec()),
        (None, None) => return Ok(()),
    };

    if is_kept(&name) {
        attributes.insert(name, Target(value));
    }

    Ok(())
}

#[cfg(target_os = "linux")]
pub(super) use system::{bare, read, write};

#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::AsFd;

    use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
    use rustix::io::Errno;

    use super::Target;
    use crate::value::tree::{Attributes, is_kept, is_missed};

    /// No system has longer values or lists of names.
    const LONGEST: usize = 64 * 1024;

    /// Those of an open file, and whether there are others that somebody may miss.
    pub fn read(open: impl AsFd) -> rustix::io::Result<(Attributes, bool)> {
        let mut names = [0_u8; 1024];
        let listed = match flistxattr(&open, &mut names[..]) {
            Ok(0) | Err(Errno::NOTSUP) => return Ok((Attributes::new(), false)),
            Ok(length) => names[..length].to_vec(),
            Err(Errno::RANGE) => {
                let mut names = vec![0_u8; LONGEST];
                let length = flistxattr(&open, &mut names[..])?;
                names.truncate(length);
                names
            }
            Err(e) => return Err(e),
        };

        let mut found = Attributes::new();
        let names = || {
            listed
                .split(|byte| *byte == 0)
                .filter_map(|name| str::from_utf8(name).ok())
                .filter(|name| !name.is_empty())
        };

        for name in names().filter(|name| is_kept(name)) {
            let mut value = vec![0_u8; LONGEST];
            match fgetxattr(&open, name, &mut value[..]) {
                Ok(length) => {
                    value.truncate(length);
                    found.insert(name.to_owned(), Target(value));
                }
                // gone meanwhile, or not visible to us
                Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) => {}
                Err(e) => return Err(e),
            }
        }

        Ok((found, names().any(is_missed)))
    }

    /// Sets them; returns how many the system refused.
    pub fn write(open: impl AsFd, attributes: &Attributes) -> rustix::io::Result<usize> {
        let mut refused = 0;
        for (name, Target(value)) in attributes {
            match fsetxattr(&open, name.as_str(), value, XattrFlags::empty()) {
                Err(Errno::PERM | Errno::NOTSUP | Errno::ACCESS | Errno::INVAL) => refused += 1,
                done => done?,
            }
        }
        Ok(refused)
    }

    /// Removes what a new folder inherited from its parent: everything created in it would inherit
    /// it, too.
    pub fn bare(folder: impl AsFd) {
        for name in ["system.posix_acl_default", "system.posix_acl_access"] {
            // there is none, most often
            let _ = fremovexattr(&folder, name);
        }
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(super) use elsewhere::{bare, read, write};

#[cfg(all(unix, not(target_os = "linux")))]
mod elsewhere {
    use std::os::fd::AsFd;

    use crate::value::tree::Attributes;

    pub fn read(_: impl AsFd) -> rustix::io::Result<(Attributes, bool)> {
        Ok((Attributes::new(), false))
    }

    pub fn write(_: impl AsFd, attributes: &Attributes) -> rustix::io::Result<usize> {
        Ok(attributes.len())
    }

    pub fn bare(_: impl AsFd) {}
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);

    for group in bytes.chunks(3) {
        let whole = group
            .iter()
            .chain([&0, &0])
            .take(3)
            .fold(0_usize, |whole, byte| whole << 8 | usize::from(*byte));
        // a byte makes two digits, two make three
        text.extend((0..=group.len()).map(|at| DIGITS[whole >> (18 - 6 * at) & 63]));
    }

    text
}

/// With or without padding.
fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);

    for group in text.chunks(4) {
        let mut whole = 0_usize;

        for at in 0..4 {
            let digit = group
                .get(at)
                .map_or(Some(0), |sign| DIGITS.iter().position(|digit| digit == sign))?;
            whole = whole << 6 | digit;
        }

        let length = group.len().checked_sub(1).filter(|length| *length > 0)?;
        bytes.extend(&whole.to_be_bytes()[size_of::<usize>() - 3..][..length]);
    }

    Some(bytes)
}

fn percent(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"%=".contains(byte);
    name.bytes()
        .map(
            |byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") },
        )
        .collect()
}

fn unpercent(name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                u8::from_str_radix(str::from_utf8(&[rest.next()?, rest.next()?]).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }

    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
