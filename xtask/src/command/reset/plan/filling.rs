//! The hooks that fill the new database.

use std::path::PathBuf;

use anyhow::Result;

use super::{Request, Seeding};
use crate::config::Strategy;
use crate::engine::postgres::change::witness;
use crate::engine::postgres::client::name::beside;
use crate::facts::Surveyed;
use crate::plan::{Act, Step};
use crate::planning::hooks::{Hooks, Outcome};
use crate::problem::{Code, Problem};

/// The hooks that fill the new database.
pub(super) fn moments(seeding: Seeding) -> &'static [&'static str] {
    if seeding == Seeding::Seeded { &["migrate", "seed"] } else { &["migrate"] }
}

/// In place, a hook that keeps running after its timeout would change the old data, which is back
/// by then.
pub(super) fn ends_in_place(hooks: &Hooks, seeding: Seeding) -> Result<()> {
    let mut filling =
        hooks.all.iter().filter(|r| moments(seeding).contains(&r.hook.moment.as_str()));
    filling.find_map(|r| Some((&r.hook.moment, r.endless_in()?))).map_or(
        Ok(()),
        |(moment, container)| {
            Err(Problem::refused(format!(
                "the hook `{moment}` can't be terminated in the container `{container}`, which has \
                 no `sh`"
            ))
            .code(Code::Unsupported)
            .because(
                "after a timeout or a signal it would keep running there, and change the old data \
                 that was swapped back",
            )
            .cure(
                "install a shell in the image, run the hook elsewhere, or use `reset.strategy = \
                 \"staged\"`",
            )
            .into())
        },
    )
}

/// Staged, a hook must use the database that it is given.
pub(super) fn reaches_staged(hooks: &Hooks, seeding: Seeding) -> Result<()> {
    let deaf = hooks
        .all
        .iter()
        .find(|r| moments(seeding).contains(&r.hook.moment.as_str()) && r.address.is_none());
    deaf.map_or(Ok(()), |ready| {
        Err(Problem::usage(format!(
            "the hook `{}` can't be directed to another database",
            ready.hook.moment
        ))
        .code(Code::Config)
        .because(
            "`reset.strategy = \"staged\"` runs it against a database next to the live one, by \
             DATABASE_URL",
        )
        .cure(format!(
            "say how it reaches the server from where it runs: `{} = {{ run = …, container = …, \
             url = \"postgresql://user@host/{{database}}\" }}`, or use `in-place`",
            ready.hook.moment
        ))
        .into())
    })
}

/// The hooks that fill the new database, and the checks that they did so there and nowhere else:
/// tables, if the old one had some; staged, an unchanged live database.
pub(super) fn fill(
    target: &Surveyed,
    strategy: Strategy,
    hooks: &Hooks,
    backup: Option<&PathBuf>,
    request: &Request,
) -> Vec<Step> {
    let (name, client) = (target.name(), &target.client);
    let met = met_by(strategy, name);
    let mut fill: Vec<Act> = Vec::new();

    for moment in moments(request.seeding) {
        let made = hooks.acts(moment, backup, Outcome::Pending);
        let tells = *moment == "migrate" && !made.is_empty() && target.server.has_tables;
        fill.extend(made);
        fill.extend(tells.then(|| {
            witness::has_tables(client, &met, went_elsewhere(strategy, &request.suspects))
        }));
    }

    if strategy == Strategy::Staged && target.live().is_some() {
        fill.insert(0, witness::remember(client, name, &met));
        fill.push(witness::unchanged(client, name, &met, wrote_live(&request.suspects)));
    }

    fill.into_iter().map(Step::Act).collect()
}

/// Why a successful migrator can leave a new database empty.
pub(super) fn went_elsewhere(strategy: Strategy, suspects: &[String]) -> String {
    let state = match strategy {
        Strategy::InPlace => "the old data is swapped back",
        Strategy::Staged => "the old database stays",
    };
    let pipe = "a failure before a pipe (`migrate | tee log`) looks like success";
    format!("{state}; check the migrator's output: {pipe}; {}", reads(suspects))
}

/// Why a live database can change while hooks run next to it.
pub(super) fn wrote_live(suspects: &[String]) -> String {
    let stays = "the old database stays, with what was written to it";
    format!(
        "{stays}: check it; {}; or something else writes to it: stop that first",
        reads(suspects)
    )
}

pub(super) fn reads(suspects: &[String]) -> String {
    if suspects.is_empty() {
        return "the hook may use its own address, in a file or a variable, instead of DATABASE_URL"
            .into();
    }

    let names: Vec<String> = suspects.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "the hook may read {} instead of DATABASE_URL: make it read that, or unset the other",
        names.join(" or ")
    )
}

/// The name under which the hooks meet the new database.
pub(super) fn met_by(strategy: Strategy, name: &str) -> String {
    match strategy {
        Strategy::InPlace => name.to_owned(),
        Strategy::Staged => beside(name, "staged"),
    }
}
