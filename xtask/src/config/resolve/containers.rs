//! Which containers there are, and how each is found.

use std::path::Path;

use anyhow::Result;

use super::Resolver;
use crate::config::file::{ContainerTable, Text};
use crate::config::project::{Container, ContainerBy, Service};
use crate::config::settings::{Key, containers};
use crate::problem::{Code, Problem};
use crate::tasks::{self, Has};

impl Resolver<'_> {
    pub(super) fn container(&mut self, key: &str, table: &ContainerTable) -> Result<Container> {
        let engine = self.setting(&containers::ENGINE.of(key), table.engine.as_ref())?;

        let by = match (&table.docker, &table.compose) {
            (Some(name), None) => {
                let name = self.setting(&containers::DOCKER.of(key), Some(name))?;
                ContainerBy::Name(name.unwrap_or_default())
            }
            (None, Some(compose)) => {
                let service = self
                    .setting(&containers::SERVICE.of(key), Some(&compose.service))?
                    .unwrap_or_default();
                let file = self.setting(&containers::FILE.of(key), compose.file.as_ref())?;
                let folder = file.map_or(self.root.to_path_buf(), |f| {
                    self.path(&f).parent().map_or(self.root.to_path_buf(), Path::to_path_buf)
                });
                let (project, left_over) =
                    self.compose_project(&containers::PROJECT.of(key), compose.project.as_ref())?;
                let index = self.number(&containers::INDEX.of(key), compose.index.as_ref())?;

                ContainerBy::Compose(Service { service, folder, project, left_over, index })
            }
            _ => {
                return Err(Problem::usage(format!(
                    "`containers.{key}` must say one of `docker` and `compose`"
                ))
                .code(Code::Config)
                .cure(format!(
                    "write `[containers.{key}]` with `docker = \"container-name\"` or `compose = \
                     {{ service = \"db\" }}`"
                ))
                .into());
            }
        };

        let stop_during = self.list(&containers::STOP_DURING.of(key).text, &table.stop_during)?;
        let known = |task: &str| tasks::has(task, Has::StoppedContainers);
        if let Some((task, text)) =
            stop_during.iter().zip(&table.stop_during).find(|(task, _)| !known(task))
        {
            return Err(self
                .wrong(text.span().start, format!("`{task}` can't stop containers"))
                .cure(format!("use one of {}", tasks::listed(Has::StoppedContainers)))
                .into());
        }

        let ready_within =
            self.count(&containers::READY_WITHIN.of(key), table.ready_within.as_ref())?.into();
        Ok(Container { key: key.into(), by, engine, stop_during, ready_within })
    }

    /// The compose project that the file, or `.env` next to it, names; and separately what the
    /// shell says, which may belong to another folder.
    fn compose_project(
        &mut self,
        key: &Key,
        said: Option<&Text>,
    ) -> Result<(Option<String>, Option<String>)> {
        if let Some(project) = self.in_file(&key.text, said)? {
            return Ok((Some(project), None));
        }

        let names = key.variables.names();
        let left_over = names.iter().find_map(|name| self.env.given(name)).map(String::from);
        let project = self.by_variable(&key.text, names)?;

        Ok(if left_over.is_some() { (None, left_over) } else { (project, None) })
    }
}
