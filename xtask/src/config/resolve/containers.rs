//! Which containers there are, and how each is found.

use std::path::Path;

use anyhow::Result;

use super::Resolver;
use crate::config::file::{ContainerTable, Text};
use crate::config::project::{Container, ContainerBy, Service};
use crate::problem::Problem;
use crate::tasks::{self, Has};

/// Where compose itself gets its project name from.
const COMPOSE_PROJECT: &str = "COMPOSE_PROJECT_NAME";

impl Resolver<'_> {
    pub(super) fn container(&mut self, key: &str, table: &ContainerTable) -> Result<Container> {
        let at = |name: &str| format!("containers.{key}.{name}");
        let engine = self.in_file(&at("engine"), table.engine.as_ref())?;

        let by = match (&table.docker, &table.compose) {
            (Some(name), None) => {
                ContainerBy::Name(self.in_file(&at("docker"), Some(name))?.unwrap_or_default())
            }
            (None, Some(compose)) => {
                let service = self
                    .in_file(&at("compose.service"), Some(&compose.service))?
                    .unwrap_or_default();
                let file = self.in_file(&at("compose.file"), compose.file.as_ref())?;
                let folder = file.map_or(self.root.to_path_buf(), |f| {
                    self.path(&f).parent().map_or(self.root.to_path_buf(), Path::to_path_buf)
                });
                let (project, left_over) =
                    self.compose_project(&at("compose.project"), compose.project.as_ref())?;
                let index = self.number(&at("compose.index"), compose.index.as_ref(), &[])?;

                ContainerBy::Compose(Service { service, folder, project, left_over, index })
            }
            _ => {
                return Err(Problem::usage(format!(
                    "`containers.{key}` must say one of `docker` and `compose`"
                ))
                .cure(format!(
                    "write `[containers.{key}]` with `docker = \"container-name\"` or `compose = \
                     {{ service = \"db\" }}`"
                ))
                .into());
            }
        };

        let stop_during = self.list(&at("stop-during"), &table.stop_during)?;
        let known = |task: &str| tasks::has(task, Has::StoppedContainers);
        if let Some((task, text)) =
            stop_during.iter().zip(&table.stop_during).find(|(task, _)| !known(task))
        {
            return Err(self
                .wrong(text.span().start, format!("`{task}` can't stop containers"))
                .cure(format!("use one of {}", tasks::listed(Has::StoppedContainers)))
                .into());
        }

        let ready_within = self
            .number(&at("ready-within"), table.ready_within.as_ref(), &[])?
            .unwrap_or(60)
            .into();
        Ok(Container { key: key.into(), by, engine, stop_during, ready_within })
    }

    /// The compose project that the file, or `.env` next to it, names; and separately what the
    /// shell says, which may belong to another folder.
    fn compose_project(
        &mut self,
        key: &str,
        said: Option<&Text>,
    ) -> Result<(Option<String>, Option<String>)> {
        if let Some(project) = self.in_file(key, said)? {
            return Ok((Some(project), None));
        }
        let left_over = self.env.given(COMPOSE_PROJECT).map(String::from);
        let project = self.pick(key, None, &[COMPOSE_PROJECT])?;
        Ok(if left_over.is_some() { (None, left_over) } else { (project, None) })
    }
}
