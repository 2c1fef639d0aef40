//! The parts of a dump that belong to other roles: what is left out, and what the role lacks.

use anyhow::Result;

use super::Session;
use super::author::Way;
use crate::cmd::quoted;
use crate::config::Others;
use crate::engine::postgres::catalog::standing::{Into, Standing};
use crate::facts::dumps::Dump;
use crate::facts::{Surveyed, standing};
use crate::options::Leave;
use crate::planning::fitting::{Names, Wanted, fit};
use crate::value::{Claim, Claims, Trust};

/// How a dump will be loaded.
pub struct Loading<'a> {
    /// Into what.
    pub way: Way,
    /// What the command line leaves out.
    pub leave: &'a Leave,
    /// How far it is trusted.
    pub trust: Trust,
    /// The options that leave out everything of other roles, as shown.
    pub otherwise: String,
}

const NOTHING: Leave = Leave { no_owner: false, no_privileges: false };

impl Loading<'_> {
    /// The keys of `db-tasks.toml`, if there are no flags.
    pub fn of_the_file() -> Self {
        let otherwise =
            "`no-owner = true` and `no-privileges = true` in `[restore]` of `db-tasks.toml`".into();
        Self { way: Way::Beside, leave: &NOTHING, trust: Trust::Repository, otherwise }
    }
}

/// A command without owners and rights, which can be pasted.
pub fn line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("`db-tasks {} --no-owner --no-privileges`", words.join(" "))
}

/// The dump, with what is left out of it; refuses if the role can't load the rest.
pub fn fitted(
    session: &Session,
    target: &Surveyed,
    mut dump: Dump,
    loading: Loading<'_>,
) -> Result<Dump> {
    let secrets = &session.project.secrets;
    let claims = standing::claims(&dump, secrets)?;
    let into = if loading.way == Way::InPlace { Into::Live } else { Into::New };
    let given =
        [(loading.leave.no_owner, Others::Owners), (loading.leave.no_privileges, Others::Rights)];
    let given = given.into_iter().filter(|(given, _)| *given).map(|(_, others)| others);

    let mut wanted: Vec<Claim> =
        given.chain(session.project.restore_without.iter().copied()).map(Claim::from).collect();
    wanted.sort_unstable();
    wanted.dedup();

    let is_dump = loading.trust == Trust::Dump || dump.artifact.is_some();
    let role = &target.server.role;

    let known = into == Into::New || role.superuser;
    let (claims, standing) = if wanted.is_empty() && known && standing::is_plain(target, &claims) {
        (
            Claims::default(),
            Standing { role: role.name.clone(), superuser: role.superuser, ..Standing::default() },
        )
    } else {
        (claims, standing::ask_standing(target, secrets)?)
    };

    let word = if is_dump { Names::MustBeThere } else { Names::MayBeMade };
    let wanted = Wanted { claims: wanted, into, otherwise: loading.otherwise, word };
    dump.fit = fit(&dump.backup.name, &claims, &standing, &wanted)?;

    let missing = dump.backup.manifest().into_iter().flat_map(|manifest| &manifest.missing);
    let of_it = dump.artifact.as_ref().map(|artifact| artifact.store.clone());
    let emptied =
        missing.filter(|m| Some(&m.store) == of_it.as_ref()).filter_map(|m| m.table.clone());

    dump.fit.without.emptied = emptied.collect();
    Ok(dump)
}
