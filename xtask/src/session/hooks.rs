//! What hooks need to run: where they run, and how they reach the database from there.

use anyhow::Result;

use super::Session;
use crate::cmd::{Cmd, Value};
use crate::config::hooks::{Hook, Run};
use crate::config::{Connection, Env, SecretName, Secrets, url};
use crate::door::ask::ask;
use crate::engine::files::Inside;
use crate::facts::{Surveyed, containers, is_local};
use crate::place::Place;
use crate::plan::Plan;
use crate::planning::hooks::{Address, Hooks, Ready, of};
use crate::tasks::{self, Has};

/// What the hooks of `db-prepare` sync after a start is the project's own matter, and so is how much.
fn handed_on(task: &str, env: &Env) -> Vec<(&'static str, String)> {
    const DAYS: &str = "DB_INIT_DAYS_TO_SYNC";
    let days = env.get(DAYS).filter(|_| task == tasks::PREPARE.word());
    days.into_iter().map(|days| (DAYS, days.to_owned())).collect()
}

impl Session {
    /// A plan with the hooks of its task around it.
    pub fn hooked(&mut self, mut plan: Plan, concerned: &[&Surveyed]) -> Result<Plan> {
        plan.notes.extend(concerned.iter().filter_map(|database| database.guess()));
        let task = tasks::word(plan.task).to_owned();
        let moments = ["before", "after", "failed", "finally"].map(|word| format!("{word}-{task}"));
        let hooks = self.hooks(&task, &moments, concerned, None)?;
        Ok(hooks.around(plan))
    }

    /// The hooks with these names; they see the database under the name `met`, if that is not its
    /// own.
    pub fn hooks(
        &mut self,
        task: &str,
        moments: &[String],
        concerned: &[&Surveyed],
        met: Option<&str>,
    ) -> Result<Hooks> {
        let mut all = Vec::new();

        for moment in moments {
            match concerned {
                [one] => {
                    let hooks: Vec<Hook> =
                        of(&self.project.hooks, &one.spec, moment).cloned().collect();
                    for hook in hooks {
                        let ready =
                            self.ready(hook, Some((one, met.unwrap_or(one.name()))), &all)?;
                        all.push(ready);
                    }
                }
                // with several databases there is no single address
                several => {
                    for hook in
                        self.project.hooks.clone().into_iter().filter(|h| h.moment == *moment)
                    {
                        let ready = self.ready(hook, None, &all)?;
                        all.push(ready);
                    }

                    for database in several {
                        for hook in
                            database.spec.hooks.clone().into_iter().filter(|h| h.moment == *moment)
                        {
                            let ready =
                                self.ready(hook, Some((database, database.name())), &all)?;
                            all.push(ready);
                        }
                    }
                }
            }
        }

        let databases = concerned.iter().map(|d| d.name().to_owned()).collect();
        let (environment, root) = (self.project.environment.clone(), self.project.root.clone());

        let handed_on = handed_on(task, &self.env);

        Ok(Hooks { task: task.to_owned(), databases, environment, root, handed_on, all })
    }

    fn ready(
        &mut self,
        hook: Hook,
        database: Option<(&Surveyed, &str)>,
        before: &[Ready],
    ) -> Result<Ready> {
        let (place, mark, container) = match &hook.container {
            None => (Place::Host { programs: None }, None, None),
            Some(key) => {
                let spec = self
                    .project
                    .container(key)
                    .ok_or_else(|| anyhow::anyhow!("no container `{key}`"))?;
                let found = containers::inspect(spec, &self.env)?;
                let inside = found.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));

                self.project.secrets.overhear(inside);
                let place = Place::container(&found.engine, &found.name);
                let mark = format!("db-tasks/{}/{}", self.moment.run, hook.moment);
                let mark = if has_shell(&place, &hook)? { Some(mark) } else { None };

                (place, mark, Some(found))
            }
        };

        let address = self.address(&hook, database);
        let unreached = database.filter(|_| address.is_none() && hook.container.is_none());
        let unreached =
            unreached.and_then(|(surveyed, _)| Some(surveyed.container.as_ref()?.name.clone()));

        let unproved = match database {
            Some((surveyed, name))
                if is_asked(&hook) && !goes_the_same_way(&hook, address.as_ref(), before) =>
            {
                let proved =
                    self.proved(&hook, container.as_ref(), address.as_ref(), (surveyed, name));
                if fills(&hook) {
                    proved?
                } else {
                    beside_the_work(&hook, address.as_ref(), proved)?
                }
            }
            _ => None,
        };
        Ok(Ready { hook, place, address, unreached, unproved, mark })
    }

    /// How a hook reaches a database, if that is known: by its own setting, or from this machine.
    fn address(&mut self, hook: &Hook, database: Option<(&Surveyed, &str)>) -> Option<Address> {
        let secrets = &mut self.project.secrets;
        let at_hand = database.map(|(_, name)| name);
        if let Some(template) =
            hook.url.as_ref().filter(|url| at_hand.is_some() || !url.contains("{database}"))
        {
            let url = template.replace("{database}", &url::encode(at_hand.unwrap_or_default()));
            let of = at_hand.map_or(String::new(), |name| format!(" of `{name}`"));
            let url = secrets.keep(format!("DATABASE_URL{of} for {}", hook.moment), url);
            return Some(Address { url, env: Vec::new() });
        }

        let (surveyed, name) = database?;

        if hook.container.is_some() {
            return None;
        }

        let c = self.as_seen_from_here(surveyed)?;
        let env = libpq_variables(&c, name);
        let text = self.address_text(&c, surveyed, name);
        let url = self.project.secrets.keep(format!("DATABASE_URL of `{name}`"), text);

        Some(Address { url, env })
    }

    /// The connection as this machine reaches it; `None` if it does not.
    fn as_seen_from_here(&mut self, surveyed: &Surveyed) -> Option<Connection> {
        let mut c = surveyed.client.connection.clone();
        let from_inside = names_a_host_inside(surveyed);

        if from_inside {
            let (host, port) = surveyed.published()?;
            (c.host, c.port) = (Some(host), Some(port));
        }

        if from_inside && c.uri.is_none() && c.password.is_none() {
            let password = surveyed.password_inside();
            c.password = password.map(|text| {
                self.project.secrets.keep(format!("POSTGRES_PASSWORD of {}", surveyed.at()), text)
            });
        }

        Some(c)
    }

    /// The URI of a database, with its password.
    fn address_text(&self, c: &Connection, surveyed: &Surveyed, name: &str) -> String {
        let reveal = |name: &Option<SecretName>| {
            name.as_ref().and_then(|n| self.project.secrets.reveal(n)).map(String::from)
        };
        let (host, port) = (c.host.as_deref(), c.port.as_deref());

        match reveal(&c.uri) {
            Some(uri) if names_a_host_inside(surveyed) => {
                let named = url::with_database(&uri, name);
                url::with_host(&named, host.unwrap_or_default(), port.unwrap_or_default())
            }
            Some(uri) => url::with_database(&uri, name),
            None => {
                let (user, password) = (c.user.as_deref(), reveal(&c.password));
                let host = host.unwrap_or("localhost");
                url::write(user, password.as_deref(), host, port, name)
            }
        }
    }
}

/// Whether the host is one as seen from the container: settings other than a URL name such a host,
/// and so does a URL with a name that only the container's network knows.
fn names_a_host_inside(surveyed: &Surveyed) -> bool {
    let c = &surveyed.client.connection;
    let by_network = c.host.as_deref().is_some_and(|host| !is_local(host));
    surveyed.is_inside() && (c.uri.is_none() || by_network)
}

/// libpq's variables for a database.
fn libpq_variables(c: &Connection, name: &str) -> Vec<(String, Value)> {
    let parts = [("PGHOST", &c.host), ("PGPORT", &c.port), ("PGUSER", &c.user)];
    let parts =
        parts.into_iter().filter_map(|(k, v)| Some((k.to_owned(), Value::Plain(v.clone()?))));
    let database = ("PGDATABASE".to_owned(), Value::Plain(name.to_owned()));
    let password = c.password.iter().map(|p| ("PGPASSWORD".to_owned(), Value::Secret(p.clone())));

    parts.chain([database]).chain(password).collect()
}

/// Whether one of these gets the same address in the same place, and that was checked.
fn goes_the_same_way(hook: &Hook, address: Option<&Address>, before: &[Ready]) -> bool {
    let url = address.map(|address| &address.url);
    let same = |r: &&Ready| {
        r.hook.container == hook.container && r.address.as_ref().map(|a| &a.url) == url
    };
    url.is_some() && before.iter().filter(same).any(|r| is_asked(&r.hook) && r.unproved.is_none())
}

/// Whether a hook gives a database its contents.
fn fills(hook: &Hook) -> bool {
    matches!(hook.moment.as_str(), "migrate" | "seed")
}

/// Whether to check beforehand where a hook's address leads: if it fills a database, or runs before
/// or after one is replaced. For a reset, which removes the old data, only if the hook has its own
/// address: any other gets ours.
fn is_asked(hook: &Hook) -> bool {
    let of = hook.moment.split_once('-').map_or("", |(_, task)| task);
    fills(hook) || of == tasks::RESET.word() || tasks::has(of, Has::LiveData) && hook.url.is_some()
}

/// The result of that check for a hook that fills no database. Many of them do not use a database,
/// so an unknown result is not reported. If its container sets the address, that may be intended:
/// then it is a note, not a refusal.
fn beside_the_work(
    hook: &Hook,
    address: Option<&Address>,
    proved: Result<Option<String>>,
) -> Result<Option<String>> {
    match proved {
        Ok(_) => Ok(None),
        Err(e) if address.is_none() => {
            let why = e.to_string().lines().take(2).map(str::trim).collect::<Vec<_>>().join(": ");
            Ok(Some(format!(
                "{why}; the container sets this address, so it may be intended (hook `{}`)",
                hook.moment
            )))
        }
        Err(e) => Err(e),
    }
}

/// Whether a hook's container has the shell that terminates it there. A line for `sh` needs one
/// anyway.
fn has_shell(place: &Place, hook: &Hook) -> Result<bool> {
    let asked = place.wrap(Cmd::new("sh").args(["-c", ":"]));
    Ok(matches!(hook.run, Run::Shell(_))
        || !Inside::is_missing(ask(&asked, &Secrets::default())?.code))
}
