//! What may be destroyed, and what may not.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::Resolver;
use crate::config::environment::PRODUCTION;
use crate::config::file::{File, Text};
use crate::config::project::{Guards, Pin};
use crate::config::settings::guards;
use crate::config::table_name::TableName;
use crate::tasks::{self, Has};

/// Variables that shells and systems set by themselves: they say nothing about what a person wants.
const ALWAYS_SET: [&str; 24] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "USERNAME",
    "SHELL",
    "SHLVL",
    "PWD",
    "OLDPWD",
    "LANG",
    "LANGUAGE",
    "TERM",
    "COLORTERM",
    "TZ",
    "HOSTNAME",
    "HOST",
    "EDITOR",
    "PAGER",
    "DISPLAY",
    "TMPDIR",
    "TEMP",
    "MAIL",
    "CI",
    "_",
];

fn is_always_set(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    ALWAYS_SET.contains(&upper.as_str()) || upper.starts_with("LC_") || upper.starts_with("XDG_")
}

impl Resolver<'_> {
    pub(super) fn guards(&mut self, file: &File) -> Result<Guards> {
        let g = &file.guards;
        let protected = self.list(
            guards::PROTECTED_ENVIRONMENTS.key,
            g.protected_environments.as_deref().unwrap_or(&[]),
        )?;
        self.note(
            guards::PROTECTED_ENVIRONMENTS.key,
            &PRODUCTION.join(", "),
            "always, also as a part of a longer name",
        );

        let allowed_hosts = self.list(guards::ALLOWED_HOSTS.key, &g.allowed_hosts)?;
        let agent_variable =
            self.needed(&guards::AGENT_VARIABLE.key(), g.agent_variable.as_ref())?;

        if let Some(at) = g.agent_variable.as_ref().filter(|_| is_always_set(&agent_variable)) {
            return Err(self
                .wrong(
                    at.span().start,
                    format!(
                        "`{agent_variable}` is set in every shell: it can't hold a person's words"
                    ),
                )
                .cure("name another variable, or remove `agent-variable`")
                .into());
        }

        let pins = self.pins(&g.pins)?;
        let keep_tables = self.table_names(guards::KEEP_TABLES.key, &g.keep_tables)?;
        let seconds = self.number(&guards::WAIT_FOR_LOCKS.key(), g.wait_for_locks.as_ref())?;
        let wait_for_locks = seconds.map(|seconds| Duration::from_secs(seconds.into()));

        Ok(Guards {
            protected,
            allowed_hosts,
            agent_variable,
            pins,
            keep_tables,
            testing: Vec::new(),
            wait_for_locks,
            ratchet: self.ratchet(g.ratchet.as_ref())?,
        })
    }

    /// A wipe always has its pin: the file can add others, and remove none. `${…}` is not expanded,
    /// because a value read from the variable itself would always match.
    fn pins(&mut self, said: &BTreeMap<Text, Text>) -> Result<BTreeMap<String, Vec<Pin>>> {
        let always = Pin { variable: "ALLOW_DATABASE_WIPE".into(), value: "true".into() };
        self.note("guards.pins.wipe", &always.to_string(), "always");

        let mut pins = BTreeMap::from([("wipe".to_owned(), vec![always])]);

        for (task, text) in said {
            if !tasks::has(task.as_ref(), Has::Pin) {
                return Err(self
                    .wrong(
                        task.span().start,
                        format!("`{}` can't have a safety pin", task.as_ref()),
                    )
                    .cure(format!("use one of {}", tasks::listed(Has::Pin)))
                    .into());
            }

            let pin = self.pin(task.as_ref(), text)?;
            let of_task: &mut Vec<Pin> = pins.entry(task.as_ref().clone()).or_default();
            if !of_task.contains(&pin) {
                let origin = self.expand("guards.pins", text.span().start, "")?.1;
                self.note(&format!("guards.pins.{}", task.as_ref()), &pin.to_string(), origin);
                of_task.push(pin);
            }
        }

        Ok(pins)
    }

    fn pin(&self, task: &str, text: &Text) -> Result<Pin> {
        let wrong = |what| self.wrong(text.span().start, what);
        let pin = Pin::parse(text.as_ref()).ok_or_else(|| {
            wrong(format!("the safety pin `{}` is not of the form `VARIABLE=value`", text.as_ref()))
                .cure(format!(
                    "write it like `{task} = \"ALLOW_DATABASE_WIPE=true\"`; you can add a pin, not \
                     remove one"
                ))
        })?;

        if is_always_set(&pin.variable) {
            return Err(wrong(format!(
                "`{}` is set in every shell: it can't be a safety pin",
                pin.variable
            ))
            .cure("name another variable")
            .into());
        }

        Ok(pin)
    }

    pub(super) fn table_names(&mut self, key: &str, said: &[Text]) -> Result<Vec<TableName>> {
        let names = self.list(key, said)?;
        let parsed = names.iter().zip(said).map(|(name, at)| {
            TableName::parse(name).ok_or_else(|| {
                self.wrong(at.span().start, format!("`{name}` is not a table name"))
                    .cure(
                        "write `table` or `schema.table`, as in SQL: a name with a dot in it needs \
                         double quotes",
                    )
                    .into()
            })
        });
        parsed.collect()
    }
}
