//! Whether the connecting role may do what a dump needs: on managed servers nobody is a superuser,
//! and a dump of production names roles that a laptop does not have. One question gets the facts,
//! before anything begins; a table says what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::engine::postgres::client::name::{ident, literal};
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
        let mut lacks = Vec::new();
        let absent =
            |names: &mut dyn Iterator<Item = &String>| self.pick(names, |found| found.is_none());
        let barred = |names: &mut dyn Iterator<Item = &String>| {
            self.pick(names, |found| found == Some(false))
        };

        let mut lack =
            |of, names: Vec<String>, why: &str, cure: &dyn Fn(&str) -> Option<String>| {
                if !names.is_empty() {
                    let cure = names
                        .iter()
                        .map(|name| cure(name))
                        .collect::<Option<Vec<_>>>()
                        .map(|all| all.join(" "));
                    lacks.push(Lack { of, why: format!("{why}: {}", quoted(&names)), cure });
                }
            };

        let create = |role: &str| Some(format!("CREATE ROLE {};", ident(role)));
        let member = |role: &str| self.membership(role);
        let none = |_: &str| None;

        let owners = Some(Claim::Owners);
        lack(
            owners,
            absent(&mut claims.owners.keys()),
            "its objects belong to roles that this server does not have",
            &create,
        );

        let why = format!("its objects belong to roles that `{}` is not a member of", self.role);
        lack(owners, barred(&mut claims.owners.keys()), &why, &member);

        if !self.superuser {
            let others =
                claims.assumed.iter().filter(|role| **role != self.role).cloned().collect();
            lack(
                Some(Claim::Rights),
                others,
                "rights in it were granted by other roles, and only a superuser can grant in their \
                 name",
                &none,
            );
        }

        let rights = Some(Claim::Rights);
        let grantees = &mut claims.grantees.keys().chain(&claims.givers);
        lack(
            rights,
            absent(grantees),
            "it grants rights to roles that this server does not have",
            &create,
        );

        let why = format!(
            "it changes default privileges of roles that `{}` is not a member of",
            self.role
        );
        lack(rights, barred(&mut claims.givers.iter()), &why, &member);

        let bound = absent(&mut claims.bound.iter());
        lack(
            None,
            bound,
            "its policies or user mappings are for roles that this server does not have",
            &create,
        );

        let (no_such, not_ours) = self.missing(claims, into);
        lack(owners, no_such, "it needs extensions that this server does not have", &none);

        let why =
            format!("it needs extensions that `{}` can't create: only a superuser can", self.role);
        lack(owners, not_ours, &why, &none);

        if claims.event_triggers > 0 && !self.superuser && self.provider.is_none() {
            lacks.push(Lack {
                of: owners,
                why: "it creates event triggers, which only a superuser can".into(),
                cure: None,
            });
        }

        lacks
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
            let barred = claims.event_triggers > 0 && !self.superuser && self.provider.is_none();
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

    fn pick(
        &self,
        names: &mut dyn Iterator<Item = &String>,
        fits: impl Fn(Option<bool>) -> bool,
    ) -> Vec<String> {
        let names: BTreeSet<&String> =
            names.filter(|name| fits(self.roles.get(*name).copied())).collect();
        names.into_iter().cloned().collect()
    }
}

/// Names in back-ticks: the first few of many.
pub fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// The question, for a psql in the database, or in another one if that does not exist.
pub fn question(database: &str) -> String {
    QUESTION
        .replace("{objects}", OBJECTS)
        .replace("{rights}", RIGHTS)
        .replace("{here}", &format!("current_database() = {}", literal(database)))
}

/// Roles by which providers let customers do what needs a superuser; supautils has its own
/// settings. The extension folder may have unreadable files, and then there is no list: a setting
/// keeps the answer.
const QUESTION: &str = r"\set ON_ERROR_STOP off
SELECT pg_catalog.set_config('dbtasks.extensions', (
    SELECT coalesce(jsonb_object_agg(v.name, NOT v.superuser OR coalesce((to_jsonb(v) ->> 'trusted')::bool, false)), '{}')::text
    FROM pg_catalog.pg_available_extension_versions v JOIN pg_catalog.pg_available_extensions a ON a.name = v.name AND a.default_version = v.version), false) AS db_tasks_extensions \gset
\set ON_ERROR_STOP on
WITH objects AS ({objects}), rights AS ({rights})
SELECT jsonb_build_object(
  'role', rolname, 'superuser', rolsuper,
  'provider', coalesce(
    (SELECT min(r.rolname) FROM pg_roles r WHERE r.rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin', 'neon_superuser', 'tsdbadmin')
      AND pg_has_role(r.oid, 'MEMBER')),
    (SELECT 'supautils' WHERE nullif(current_setting('supautils.privileged_extensions', true), '') IS NOT NULL)),
  'roles', (SELECT jsonb_object_agg(r.rolname, pg_has_role(r.oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)) FROM pg_roles r),
  'superusers', (SELECT coalesce(jsonb_agg(r.rolname), '[]') FROM pg_roles r WHERE r.rolsuper),
  'extensions', nullif(current_setting('dbtasks.extensions', true), '')::jsonb,
  'there', (SELECT coalesce(jsonb_object_agg(extname, pg_has_role(extowner, 'USAGE')), '{}') FROM pg_extension WHERE {here}),
  'others', (SELECT coalesce(jsonb_object_agg(pg_get_userbyid(owner), names), '{}') FROM (
      SELECT owner, (array_agg(name ORDER BY name))[1:5] AS names FROM objects
      WHERE {here} AND NOT pg_has_role(owner, 'USAGE') AND (locked OR NOT pg_has_role(container, 'USAGE')) GROUP BY owner) o),
  'live', jsonb_build_object(
    'owners', (SELECT coalesce(jsonb_object_agg(pg_get_userbyid(owner), n), '{}') FROM (SELECT owner, count(*) AS n FROM objects WHERE {here} GROUP BY owner) o),
    'grantees', (SELECT coalesce(jsonb_object_agg(pg_get_userbyid(grantee), n), '{}') FROM (
      SELECT grantee, count(*) AS n FROM rights WHERE {here} AND grantee <> 0 AND grantee <> owner GROUP BY grantee) g),
    'givers', (SELECT coalesce(jsonb_agg(DISTINCT pg_get_userbyid(defaclrole)), '[]') FROM pg_default_acl WHERE {here}),
    'bound', (SELECT coalesce(jsonb_agg(DISTINCT pg_get_userbyid(r)), '[]') FROM (
      SELECT unnest(polroles) AS r FROM pg_policy UNION ALL SELECT umuser FROM pg_user_mappings) b WHERE {here} AND r <> 0),
    'extensions', (SELECT coalesce(jsonb_agg(extname), '[]') FROM pg_extension WHERE {here} AND extname <> 'plpgsql'),
    'event_triggers', (SELECT count(*) FROM pg_event_trigger e WHERE {here} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e'))
  ))::text
FROM pg_roles WHERE rolname = current_user;
";

/// Everything with an owner, except for an extension's or the system's: the owner of its container
/// may drop it, too, but tables are locked first, which needs their own owner.
const OBJECTS: &str = r"
  SELECT o.owner, o.name, o.locked, n.nspowner AS container, o.acl FROM (
      SELECT 'pg_class'::regclass AS class, oid, relnamespace AS namespace, relowner AS owner, relname::text AS name, relkind IN ('r', 'p') AS locked, relacl AS acl
        FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, proowner, proname::text, false, proacl FROM pg_proc
      UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, typowner, typname::text, false, typacl FROM pg_type WHERE typtype IN ('d', 'e', 'r')
    ) o JOIN pg_namespace n ON n.oid = o.namespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
  UNION ALL SELECT n.nspowner, n.nspname::text, n.nspname <> 'public', n.nspowner, n.nspacl FROM pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
  UNION ALL SELECT lomowner, 'large object ' || oid, true, lomowner, lomacl FROM pg_largeobject_metadata";

const RIGHTS: &str = r"
  SELECT a.grantee, o.owner FROM objects o, aclexplode(o.acl) a
  UNION ALL SELECT a.grantee, c.relowner FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(t.attacl) a
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  UNION ALL SELECT a.grantee, d.defaclrole FROM pg_default_acl d, aclexplode(d.defaclacl) a";

#[cfg(test)]
mod tests;
