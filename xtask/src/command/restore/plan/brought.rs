//! What a manifest brings along for a database: its owner, rights, comment and settings.

use crate::bytes;
use crate::engine::postgres::catalog::marker::{MARKER, unmarked};
use crate::facts::Surveyed;
use crate::facts::dumps::Dump;
use crate::human::counted;
use crate::value::{Claim, DatabaseFacts, Setting};

/// What a manifest's settings mean on this server: roles that do not exist here are left out, and
/// the marker is never copied.
pub(super) fn brought_along(
    recorded: &DatabaseFacts,
    dump: &Dump,
    target: &Surveyed,
) -> DatabaseFacts {
    let here =
        |role: &str| target.server.roles.iter().any(|r| r == role) && !bytes::has_foreign(role);
    let mut facts = recorded.clone();
    let left_out = |claim| dump.fit.without.claims.contains(&claim);

    if !here(&facts.owner) || left_out(Claim::Owners) {
        facts.owner = target.server.role.name.clone();
    }

    // a server in UTF-8 does not accept other bytes
    facts.comment =
        facts.own_comment().and_then(unmarked).filter(|comment| !bytes::has_foreign(comment));
    facts.settings.retain(|s| !bytes::has_foreign(&s.value));
    facts
        .settings
        .retain(|s| !s.name.eq_ignore_ascii_case(MARKER) && s.role.as_deref().is_none_or(here));
    facts.settings.retain(|s| !loads_a_library(s, target) && dump.loader().is_none());
    facts.settings.retain(|s| may_give(s, target));

    if left_out(Claim::Rights) {
        facts.acl = None;
        facts.settings.retain(|s| s.role.is_none());
    }
    if let Some(acl) = &mut facts.acl {
        acl.retain(|grant| grant.grantee.as_deref().is_none_or(here));
    }

    facts
}

/// A plain role can't set what another role set for itself in the database.
fn may_give(setting: &Setting, target: &Surveyed) -> bool {
    let own = &target.server.role;
    own.superuser || setting.role.as_ref().is_none_or(|role| *role == own.name)
}

/// What is left out because of that.
pub(super) fn settings_of_others(target: &Surveyed, dump: &Dump) -> Option<String> {
    let settings = dump.postgresql().into_iter().flat_map(|known| &known.database.settings);
    let here = |role: &String| target.server.roles.contains(role);
    let count =
        settings.filter(|s| !may_give(s, target) && s.role.as_ref().is_some_and(here)).count();

    (count > 0).then(|| {
        format!(
            "{} of other roles in the database, which this role can't set, are left out",
            counted(count as u64, "setting")
        )
    })
}

/// Whether a setting in a manifest makes the server load a library into every session: the
/// manifest's author may name their own. A setting that the live database already has is fine.
pub(super) fn loads_a_library(setting: &Setting, target: &Surveyed) -> bool {
    let name = setting.name.to_ascii_lowercase();
    let loads = name.ends_with("_preload_libraries") || name == "dynamic_library_path";
    loads && !target.live().is_some_and(|live| live.settings.contains(setting))
}
