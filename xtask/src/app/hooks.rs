//! What hooks need to run: where they run, and how they reach the database from there.

use anyhow::Result;

use super::session::Session;
use crate::cmd::Value;
use crate::config::hooks::Hook;
use crate::config::{At, SecretName, url};
use crate::facts::{Surveyed, containers};
use crate::place::Place;
use crate::plan::Plan;
use crate::task::hooks::{Address, Hooks, Ready, of};

impl Session {
    /// A plan with the hooks of its task around it.
    pub fn hooked(&mut self, plan: Plan, concerned: &[&Surveyed]) -> Result<Plan> {
        let task = plan.task.trim_start_matches("db-").to_owned();
        let moments = ["before", "after", "failed", "finally"].map(|word| format!("{word}-{task}"));
        let hooks = self.hooks(&task, &moments, concerned, None)?;
        Ok(hooks.around(plan))
    }

    /// The hooks of these moments; they meet the database under the name `met`, where that is not its own.
    pub fn hooks(&mut self, task: &str, moments: &[String], concerned: &[&Surveyed], met: Option<&str>) -> Result<Hooks> {
        let mut all = Vec::new();
        for moment in moments {
            match concerned {
                [one] => {
                    let hooks: Vec<Hook> = of(&self.project.hooks, &one.spec, moment).cloned().collect();
                    for hook in hooks {
                        all.push(self.ready(hook, Some((one, met.unwrap_or(one.name()))))?);
                    }
                }
                // one of several has no address: which would it be?
                several => {
                    for hook in self.project.hooks.clone().into_iter().filter(|h| h.moment == *moment) {
                        all.push(self.ready(hook, None)?);
                    }
                    for database in several {
                        for hook in database.spec.hooks.clone().into_iter().filter(|h| h.moment == *moment) {
                            all.push(self.ready(hook, Some((database, database.name())))?);
                        }
                    }
                }
            }
        }
        let databases = concerned.iter().map(|d| d.name().to_owned()).collect();
        let (environment, root) = (self.project.environment.clone(), self.project.root.clone());
        Ok(Hooks { task: task.to_owned(), databases, environment, root, all })
    }

    fn ready(&mut self, hook: Hook, database: Option<(&Surveyed, &str)>) -> Result<Ready> {
        let place = match &hook.container {
            None => Place::Host { programs: None },
            Some(key) => {
                let spec = self.project.container(key).ok_or_else(|| anyhow::anyhow!("no container `{key}`"))?;
                let found = containers::inspect(spec, &self.env)?;
                Place::Container { engine: found.engine, name: found.name }
            }
        };
        let address = database.and_then(|(surveyed, name)| self.address(&hook, surveyed, name));
        Ok(Ready { hook, place, address })
    }

    /// How a hook reaches a database, where that can be known: by what it says itself, or from this machine.
    fn address(&mut self, hook: &Hook, surveyed: &Surveyed, name: &str) -> Option<Address> {
        let secrets = &mut self.project.secrets;
        let mut keep = |text: String| secrets.keep(format!("DATABASE_URL of `{name}` for {}", hook.moment), text);
        if let Some(template) = &hook.url {
            return Some(Address { url: keep(template.replace("{database}", &url::encode(name))), env: Vec::new() });
        }
        if hook.container.is_some() {
            return None;
        }
        let mut c = surveyed.client.connection.clone();
        if let (At::Container(_), None) = (&surveyed.spec.at, &c.host) {
            c.port = Some(surveyed.container.as_ref()?.published.clone()?);
            c.host = Some("127.0.0.1".into());
        }
        let mut env: Vec<(String, Value)> = Vec::new();
        let parts = [("PGHOST", &c.host), ("PGPORT", &c.port), ("PGUSER", &c.user)];
        env.extend(parts.into_iter().filter_map(|(k, v)| Some((k.into(), Value::Plain(v.clone()?)))));
        env.push(("PGDATABASE".into(), Value::Plain(name.to_owned())));
        env.extend(c.password.iter().map(|p| ("PGPASSWORD".to_owned(), Value::Secret(p.clone()))));
        let reveal = |name: &Option<SecretName>| name.as_ref().and_then(|n| self.project.secrets.reveal(n)).map(String::from);
        let text = match reveal(&c.uri) {
            Some(uri) => url::with_database(&uri, name),
            None => {
                let host = c.host.as_deref().unwrap_or("localhost");
                url::write(c.user.as_deref(), reveal(&c.password).as_deref(), host, c.port.as_deref(), name)
            }
        };
        let url = self.project.secrets.keep(format!("DATABASE_URL of `{name}`"), text);
        Some(Address { url, env })
    }
}
