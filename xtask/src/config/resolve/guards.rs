//! What may be destroyed, and what never.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::Resolver;
use crate::config::environment::PRODUCTION;
use crate::config::file::{File, Text};
use crate::config::project::{Guards, Pin};
use crate::config::table_name::TableName;
use crate::tasks::{self, Has};

/// Variables that shells and systems set by themselves: they say nothing of what a person wants.
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
            "guards.protected-environments",
            g.protected_environments.as_deref().unwrap_or(&[]),
        )?;
        self.note(
            "guards.protected-environments",
            &PRODUCTION.join(", "),
            "always, and names that they are a part of",
        );

        let allowed_hosts = self.list("guards.allowed-hosts", &g.allowed_hosts)?;
        let agent_variable = self.layered(
            "guards.agent-variable",
            g.agent_variable.as_ref(),
            &[],
            "DB_TASKS_PERSON_SAYS",
        )?;

        if let Some(at) = g.agent_variable.as_ref().filter(|_| is_always_set(&agent_variable)) {
            return Err(self
                .wrong(
                    at.span().start,
                    format!(
                        "`{agent_variable}` is set in every shell: it carries no person's words"
                    ),
                )
                .cure("name a variable of its own, or leave `agent-variable` out")
                .into());
        }

        let pins = self.pins(&g.pins)?;
        let keep_tables = self.keep_tables(&g.keep_tables)?;
        let seconds = self.number("guards.wait-for-locks", g.wait_for_locks.as_ref(), &[])?;
        let wait_for_locks = seconds.map(|seconds| Duration::from_secs(seconds.into()));

        Ok(Guards {
            protected,
            allowed_hosts,
            agent_variable,
            pins,
            keep_tables,
            testing: Vec::new(),
            wait_for_locks,
        })
    }

    /// A wipe has its pin whatever the file says: the file can add others, and none can be taken
    /// away. `${…}` stays as it is written, because a value that is read from the variable
    /// itself would always be right.
    fn pins(&mut self, said: &BTreeMap<Text, Text>) -> Result<BTreeMap<String, Vec<Pin>>> {
        let always = Pin { variable: "ALLOW_DATABASE_WIPE".into(), value: "true".into() };
        self.note("guards.pins.wipe", &always.to_string(), "always");

        let mut pins = BTreeMap::from([("wipe".to_owned(), vec![always])]);

        for (task, text) in said {
            if !tasks::has(task.as_ref(), Has::Pin) {
                return Err(self
                    .wrong(
                        task.span().start,
                        format!("`{}` is no task that has a pin", task.as_ref()),
                    )
                    .cure(format!("use any of {}", tasks::listed(Has::Pin)))
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
            wrong(format!("the pin `{}` is not written as `VARIABLE=value`", text.as_ref())).cure(
                format!(
                    "write it like `{task} = \"ALLOW_DATABASE_WIPE=true\"`; a pin can be added, \
                     and none be taken away"
                ),
            )
        })?;

        if is_always_set(&pin.variable) {
            return Err(wrong(format!(
                "`{}` is set in every shell: it is no safety pin",
                pin.variable
            ))
            .cure("name a variable of its own")
            .into());
        }

        Ok(pin)
    }

    fn keep_tables(&mut self, said: &[Text]) -> Result<Vec<TableName>> {
        let names = self.list("guards.keep-tables", said)?;
        let parsed = names.iter().zip(said).map(|(name, at)| {
            TableName::parse(name).ok_or_else(|| {
                self.wrong(at.span().start, format!("`{name}` is no table's name"))
                    .cure(
                        "write `table` or `schema.table`, as SQL would: a name with a dot in it \
                         stands in double quotes",
                    )
                    .into()
            })
        });
        parsed.collect()
    }
}
