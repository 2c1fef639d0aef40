//! What may be destroyed, and what never.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Resolver;
use crate::config::file::{File, Text};
use crate::config::project::{Guards, Pin};
use crate::config::table_name::TableName;

/// Tasks that take live data away, change it, or put other data in its place.
const PINNED: [&str; 9] = ["backup", "cleanup", "migrate", "prepare", "reset", "restore", "seed", "undo", "wipe"];

impl Resolver<'_> {
    pub(super) fn guards(&mut self, file: &File) -> Result<Guards> {
        let g = &file.guards;
        let mut protected = self.list("guards.protected-environments", g.protected_environments.as_deref().unwrap_or(&[]))?;
        if g.protected_environments.is_none() {
            protected = ["production", "prod", "live"].map(String::from).to_vec();
            self.note("guards.protected-environments", &protected.join(", "), "default");
        }
        let allowed_hosts = self.list("guards.allowed-hosts", &g.allowed_hosts)?;
        let agent_variable = self.layered("guards.agent-variable", g.agent_variable.as_ref(), &[], "DB_TASKS_PERSON_SAYS")?;
        let pins = self.pins(&g.pins)?;
        let keep_tables = self.keep_tables(&g.keep_tables)?;
        Ok(Guards { protected, allowed_hosts, agent_variable, pins, keep_tables })
    }

    /// A wipe has its pin whatever the file says: the file can name another one, and none can be taken away. `${…}` stays as it
    /// is written, because a value that is read from the variable itself would always be right.
    fn pins(&mut self, said: &BTreeMap<Text, Text>) -> Result<BTreeMap<String, Pin>> {
        let mut pins = BTreeMap::new();
        for (task, text) in said {
            if !PINNED.contains(&task.as_ref().as_str()) {
                let known: Vec<String> = PINNED.iter().map(|t| format!("`{t}`")).collect();
                return Err(self
                    .wrong(task.span().start, format!("`{}` is no task that has a pin", task.as_ref()))
                    .cure(format!("use any of {}", known.join(", ")))
                    .into());
            }
            let pin = Pin::parse(text.as_ref()).ok_or_else(|| {
                self.wrong(text.span().start, format!("the pin `{}` is not written as `VARIABLE=value`", text.as_ref())).cure(
                    format!(
                        "write it like `{} = \"ALLOW_DATABASE_WIPE=true\"`; a pin can be another one, and not be taken away",
                        task.as_ref()
                    ),
                )
            })?;
            let origin = self.expand("guards.pins", text.span().start, "")?.1;
            self.note(&format!("guards.pins.{}", task.as_ref()), &pin.to_string(), origin);
            pins.insert(task.as_ref().clone(), pin);
        }
        pins.entry("wipe".to_owned()).or_insert_with(|| {
            let default = Pin { variable: "ALLOW_DATABASE_WIPE".into(), value: "true".into() };
            self.note("guards.pins.wipe", &default.to_string(), "default");
            default
        });
        Ok(pins)
    }

    fn keep_tables(&mut self, said: &[Text]) -> Result<Vec<TableName>> {
        let names = self.list("guards.keep-tables", said)?;
        let parsed = names.iter().zip(said).map(|(name, at)| {
            TableName::parse(name).ok_or_else(|| {
                self.wrong(at.span().start, format!("`{name}` is no table's name"))
                    .cure("write `table` or `schema.table`, as SQL would: a name with a dot in it stands in double quotes")
                    .into()
            })
        });
        parsed.collect()
    }
}
