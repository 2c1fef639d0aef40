//! Whether the connecting role may do what a dump needs: on managed servers nobody is a superuser,
//! and a dump of production names roles that a laptop does not have. One question gets the facts,
//! before anything begins; a table says what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::engine::postgres::client::name::{ident, literal};
use crate::engine::postgres::client::sql;
use crate::value::{Claim, Claims, Without};

/// What a server says about our role.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Standing {
    /// The role.
    pub role: String,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// The role that a provider gives its customers instead: it may do more than the catalogs say.
    pub provider: Option<String>,
    /// All roles, and whether this one may give ownership to them.
    #[serde(default)]
    pub roles: BTreeMap<String, bool>,
    /// Those of them that may do everything: nobody should become a member of one for a restore.
    #[serde(default)]
    pub superusers: BTreeSet<String>,
    /// The extensions that the server has, and whether this role may create them; unknown if the
    /// server can't list them.
    pub extensions: Option<BTreeMap<String, bool>>,
    /// Those in the live database, and whether this role owns them.
    #[serde(default)]
    pub there: BTreeMap<String, bool>,
    /// Objects in the live database that this role may not drop, by owner; a few of each.
    #[serde(default)]
    pub others: BTreeMap<String, Vec<String>>,
    /// What a dump of the live database would need.
    #[serde(default)]
    pub live: Claims,
}

/// What a dump is loaded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// A new database, created from `template0`: it has plpgsql, which the server owns.
    New,
    /// The live one, where extensions stay.
    Live,
}

/// What a role lacks for a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What can be left out instead; for some nothing.
    pub of: Option<Claim>,
    /// In words.
    pub why: String,
    /// What would grant it, in SQL for an administrator.
    pub cure: Option<String>,
}

impl Standing {
    /// What this role lacks to load everything in a dump.
    pub fn lacks(&self, claims: &Claims, into: Into) -> Vec<Lack> {
        let all = [
            self.lacks_owners(claims),
            self.lacks_rights(claims),
            self.lacks_creations(claims, into),
        ];
        all.concat()
    }

    fn lacks_owners(&self, claims: &Claims) -> Vec<Lack> {
        let owners = Some(Claim::Owners);
        let barred = format!("its objects belong to roles that `{}` is not a member of", self.role);
        let lacks = [
            lack(
                owners,
                self.absent(claims.owners.keys()),
                "its objects belong to roles that this server does not have",
                create,
            ),
            lack(owners, self.barred(claims.owners.keys()), &barred, |role| self.membership(role)),
        ];
        lacks.into_iter().flatten().collect()
    }

    fn lacks_rights(&self, claims: &Claims) -> Vec<Lack> {
        let rights = Some(Claim::Rights);
        let assumed = claims.assumed.iter().filter(|role| !self.superuser && **role != self.role);
        let barred = format!(
            "it changes default privileges of roles that `{}` is not a member of",
            self.role
        );

        let lacks = [
            lack(
                rights,
                assumed.cloned().collect(),
                "rights in it were granted by other roles, and only a superuser can grant in their \
                 name",
                |_| None,
            ),
            lack(
                rights,
                self.absent(claims.grantees.keys().chain(&claims.givers)),
                "it grants rights to roles that this server does not have",
                create,
            ),
            lack(rights, self.barred(claims.givers.iter()), &barred, |role| self.membership(role)),
            lack(
                None,
                self.absent(claims.bound.iter()),
                "its policies or user mappings are for roles that this server does not have",
                create,
            ),
        ];
        lacks.into_iter().flatten().collect()
    }

    fn lacks_creations(&self, claims: &Claims, into: Into) -> Vec<Lack> {
        let owners = Some(Claim::Owners);
        let (no_such, not_ours) = self.missing(claims, into);
        let superusers =
            format!("it needs extensions that `{}` can't create: only a superuser can", self.role);
        let triggers = self.bars_event_triggers(claims).then(|| Lack {
            of: owners,
            why: "it creates event triggers, which only a superuser can".into(),
            cure: None,
        });

        let lacks = [
            lack(owners, no_such, "it needs extensions that this server does not have", |_| None),
            lack(owners, not_ours, &superusers, |_| None),
            triggers,
        ];
        lacks.into_iter().flatten().collect()
    }

    fn bars_event_triggers(&self, claims: &Claims) -> bool {
        claims.event_triggers > 0 && !self.superuser && self.provider.is_none()
    }

    /// What makes this role a member of another, in SQL for an administrator: nothing, if that role
    /// may do everything.
    pub fn membership(&self, role: &str) -> Option<String> {
        let harmless = !self.superusers.contains(role) && !role.starts_with("pg_");
        harmless.then(|| format!("GRANT {} TO {};", ident(role), ident(&self.role)))
    }

    /// What is left out of a dump if `wanted` is left out: the claims themselves; and without
    /// owners, what only another role can create.
    pub fn without(&self, claims: &Claims, wanted: &[Claim], into: Into) -> Without {
        let mut left = Without { claims: wanted.to_vec(), ..Without::default() };
        if wanted.contains(&Claim::Owners) {
            let (no_such, not_ours) = self.missing(claims, into);
            left.extensions = [no_such, not_ours].concat();
            let barred = self.bars_event_triggers(claims);
            left.claims.extend(barred.then_some(Claim::EventTriggers));
        }

        left.comments = match into {
            // an old pg_dump comments on it, and a role without that right fails there
            Into::New if self.superuser => Vec::new(),
            Into::New => vec!["plpgsql".into()],
            Into::Live => self
                .there
                .iter()
                .filter(|(_, ours)| !**ours)
                .map(|(name, _)| name.clone())
                .collect(),
        };
        left
    }

    /// Extensions that the server does not have, and those that this role may not create. Existing
    /// ones need not be created.
    fn missing(&self, claims: &Claims, into: Into) -> (Vec<String>, Vec<String>) {
        let Some(known) = &self.extensions else { return Default::default() };
        let there = |name: &&String| {
            name.as_str() == "plpgsql" || into == Into::Live && self.there.contains_key(*name)
        };
        let wanted = || claims.extensions.iter().filter(|name| !there(name));
        let no_such = wanted().filter(|name| !known.contains_key(*name)).cloned().collect();
        let trusted = self.superuser || self.provider.is_some();

        let not_ours =
            wanted().filter(|name| known.get(*name) == Some(&false) && !trusted).cloned().collect();

        (no_such, not_ours)
    }

    /// The roles that this server does not have.
    fn absent<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<String> {
        self.pick(names, None)
    }

    /// Those that this role may not act for.
    fn barred<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<String> {
        self.pick(names, Some(false))
    }

    fn pick<'a>(
        &self,
        names: impl Iterator<Item = &'a String>,
        found: Option<bool>,
    ) -> Vec<String> {
        let names: BTreeSet<&String> =
            names.filter(|name| self.roles.get(*name).copied() == found).collect();
        names.into_iter().cloned().collect()
    }
}

/// What is lacking for these names, if there are any; it has a cure if each of them has one.
fn lack(
    of: Option<Claim>,
    names: Vec<String>,
    why: &str,
    cure: impl Fn(&str) -> Option<String>,
) -> Option<Lack> {
    if names.is_empty() {
        return None;
    }

    let cures: Option<Vec<String>> = names.iter().map(|name| cure(name)).collect();
    let cure = cures.map(|all| all.join(" "));
    Some(Lack { of, why: format!("{why}: {}", quoted(&names)), cure })
}

fn create(role: &str) -> Option<String> {
    Some(format!("CREATE ROLE {};", ident(role)))
}

/// Names in back-ticks: the first few of many.
pub fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// The question, for a psql in the database, or in another one if that does not exist.
pub fn question(database: &str) -> String {
    let here = format!("current_database() = {}", literal(database));
    sql::filled(QUESTION, &[("objects", OBJECTS), ("rights", RIGHTS), ("here", &here)])
}

/// Roles by which providers let customers do what needs a superuser; supautils has its own
/// settings. The extension folder may have unreadable files, and then there is no list: a setting
/// keeps the answer.
const QUESTION: &str = sql::statements(include_str!("standing/role.sql"));

/// Everything with an owner, except for an extension's or the system's: the owner of its container
/// may drop it, too, but tables are locked first, which needs their own owner.
const OBJECTS: &str = sql::part(include_str!("standing/objects.sql"));

const RIGHTS: &str = sql::part(include_str!("standing/rights.sql"));

#[cfg(test)]
mod tests;
