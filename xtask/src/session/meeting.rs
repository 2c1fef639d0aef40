//! Checks that hooks work on the same database as we do: before anything is changed, the server at
//! each hook's address is asked who it is.

use anyhow::Result;

use super::{Session, alone};
use crate::cmd::Value;
use crate::config::hooks::Hook;
use crate::config::url;
use crate::facts::rendezvous::{self, Met, Way};
use crate::facts::{ContainerFacts, Surveyed, is_local};
use crate::place::Place;
use crate::plan::{Plan, Risk};
use crate::planning::hooks::Address;
use crate::problem::{Code, Problem};

impl Session {
    /// Makes sure that a hook that fills a database would fill this one. If that can't be checked,
    /// the result is a warning.
    ///
    /// # Errors
    /// It would work elsewhere, or reach nothing.
    pub fn proved(
        &mut self,
        hook: &Hook,
        container: Option<&ContainerFacts>,
        address: Option<&Address>,
        (database, name): (&Surveyed, &str),
    ) -> Result<Option<String>> {
        let uri = match (address, container) {
            (Some(address), _) => self.project.secrets.reveal(&address.url).map(String::from),
            (None, Some(found)) => found.env.get("DATABASE_URL").cloned(),
            // it gets an empty DATABASE_URL, and its plan says so
            (None, None) => return Ok(None),
        };

        let Some(uri) = uri else {
            return Ok(Some(unproved(hook, container, "it is not known which address it uses")));
        };
        let mut way = match self.way(hook, container, database, &uri) {
            Ok(way) => way,
            Err(why) if address.is_none() => return Ok(Some(unproved(hook, container, &why))),
            Err(why) => return Err(no_uri(hook, &why).into()),
        };

        let live = database.live();
        way.into = way.into.filter(|named| named != name);
        // a database that does not exist yet can't be asked, and one with another name is a
        // different one
        if address.is_some() && way.into.is_some() && (live.is_none() || name != database.name()) {
            return Err(another(hook, &uri, database).into());
        }

        let met_in =
            if live.is_some() { database.name() } else { database.client.maintenance() }.to_owned();

        match self.met(database, &way, &met_in)? {
            Met::Same => Ok(None),
            Met::Another => Err(another(hook, &uri, database).into()),
            Met::Unanswered(words) if live.is_some() => Err(unreached(hook, &uri, &words).into()),
            Met::Unanswered(_) => Ok(Some(unproved(
                hook,
                container,
                "the database at its address does not exist yet",
            ))),
            Met::Unasked if container.is_none() => Ok(published_alone(hook, &uri, database)?),
            Met::Unasked => Ok(Some(unproved(hook, container, "there is no psql"))),
        }
    }

    /// Whether two ways meet, if no other run has replaced the database since: otherwise that run
    /// is named.
    fn met(&mut self, database: &Surveyed, way: &Way, met_in: &str) -> Result<Met> {
        let oid = database.live().map(|live| live.oid);
        let first = rendezvous::meet(&database.client, way, met_in, oid, &self.project.secrets);
        if let Ok(Met::Same | Met::Unasked) = first {
            return first;
        }

        // its lock is free only if nobody else is working, and tells what has changed
        let looked_at =
            alone::with(Plan::bare("db-tasks", String::new(), Risk::Nothing), [database]);
        drop(self.hold(&looked_at)?);

        rendezvous::meet(&database.client, way, met_in, oid, &self.project.secrets)
    }

    /// How a hook connects.
    fn way(
        &mut self,
        hook: &Hook,
        container: Option<&ContainerFacts>,
        database: &Surveyed,
        uri: &str,
    ) -> Result<Way, String> {
        let url = url::parse(uri)?;
        let place = match (container, &database.client.place) {
            (Some(found), _) => Place::container(&found.engine, &found.name),
            (None, place @ Place::Host { .. }) => place.clone(),
            // the one that a hook would find
            (None, _) => Place::Host { programs: None },
        };

        let parts = [("PGHOST", url.host), ("PGPORT", url.port), ("PGUSER", url.user)];
        let said = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::Plain(value?))));
        let password = url.password.map(|value| {
            self.project.secrets.keep(format!("the password of the hook {}", hook.moment), value)
        });
        let options = url.options.into_iter().map(|(name, value)| (name, Value::Plain(value)));
        let env = said
            .chain(password.map(|secret| ("PGPASSWORD".to_owned(), Value::Secret(secret))))
            .chain(options);

        Ok(Way { place, env: env.collect(), into: url.database })
    }
}

/// Without a psql on this machine, an address is right if it is the port that the database's own
/// container publishes.
fn published_alone(hook: &Hook, uri: &str, database: &Surveyed) -> Result<Option<String>, Problem> {
    let ours = database.published().zip(url::parse(uri).ok());
    let is_ours = ours.is_some_and(|((host, port), url)| {
        let named = url.host.as_deref().unwrap_or_default();
        url.port.as_deref().unwrap_or("5432") == port
            && (named == host || is_local(named) && is_local(&host))
    });

    if is_ours {
        Ok(None)
    } else {
        Err(another(hook, uri, database).because("there is no psql on this machine to check it"))
    }
}

fn unproved(hook: &Hook, container: Option<&ContainerFacts>, why: &str) -> String {
    let place =
        container.map_or(String::new(), |found| format!(" in the container {}", found.name));
    format!("can't check where the hook `{}`{place} will work: {why}", hook.moment)
}

fn no_uri(hook: &Hook, why: &str) -> Problem {
    Problem::usage(format!(
        "the address that the hook `{}` gets is not a PostgreSQL connection URI",
        hook.moment
    ))
    .code(Code::WrongTarget)
    .because(why)
    .cure("write it as `postgresql://user:password@host:5432/{database}`")
}

fn another(hook: &Hook, uri: &str, database: &Surveyed) -> Problem {
    let leads =
        format!("the address that it gets ({}) does not lead to {}", shown(uri), database.at());

    let cure = match database.published() {
        Some((host, port)) => format!(
            "correct it: the container's server is reached from this machine at `{host}:{port}`"
        ),
        None => "correct it in `db-tasks.toml` or `.env` (`db-config` shows where it comes from), \
                 or give the hook a `url`"
            .into(),
    };

    Problem::refused(format!(
        "the hook `{}` would work on another database than `{}`",
        hook.moment,
        database.name()
    ))
    .code(Code::WrongTarget)
    .because(leads)
    .because("nothing was changed")
    .cure(cure)
}

fn unreached(hook: &Hook, uri: &str, words: &str) -> Problem {
    Problem::refused(format!(
        "the hook `{}` would not reach its database: nothing answers at {}",
        hook.moment,
        shown(uri)
    ))
    .code(Code::WrongTarget)
    .because(words)
    .cure(
        "nothing was changed; correct the address (`db-config` shows where it comes from), or give \
         the hook a `url`",
    )
}

/// Where a URI leads, without role and password.
fn shown(uri: &str) -> String {
    let Ok(url) = url::parse(uri) else { return "?".into() };
    let host = url.host.unwrap_or_else(|| "localhost".into());
    let at = url.port.map_or(host.clone(), |port| format!("{host}:{port}"));
    url.database.map_or(at.clone(), |database| format!("{at}/{database}"))
}
