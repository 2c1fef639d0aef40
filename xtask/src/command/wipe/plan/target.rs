//! What a wipe does with one database.

use anyhow::Result;

use super::sort::{Sorted, refresh_order, ties};
use crate::command::restore::plan::unheld;
use crate::engine::postgres::catalog::inventory::Table;
use crate::engine::postgres::change::admin;
use crate::engine::postgres::change::identity::Identity;
use crate::engine::postgres::change::wiping::{self, Wipe};
use crate::facts::Surveyed;
use crate::human::{count, counted, few};
use crate::plan::{Act, Scope, Step};
use crate::planning::sessions::end_sessions;
use crate::problem::{Code, Problem, one_line};
use crate::ui::table::{Lean, columns};

/// A database with its tables sorted.
pub(super) struct Target<'a> {
    pub(super) surveyed: &'a Surveyed,
    pub(super) sorted: Sorted<'a>,
}

impl Target<'_> {
    pub(super) fn is_emptied(&self) -> bool {
        !self.sorted.emptied.is_empty()
    }

    /// It is still the database that was looked at.
    pub(super) fn still(&self) -> Step {
        let surveyed = self.surveyed;
        Step::Act(admin::still(&surveyed.client, surveyed.name(), surveyed.live()))
    }

    pub(super) fn size(&self) -> String {
        let rows = self.sorted.with_rows().filter_map(|t| t.rows).sum();
        format!(
            "{}, {}",
            counted(self.sorted.with_rows().count() as u64, "table"),
            counted(rows, "row")
        )
    }

    pub(super) fn line(&self) -> String {
        format!("{}: {}", self.surveyed.name(), self.size())
    }

    pub(super) fn can_be_wiped(&self) -> Result<()> {
        let (server, name) = (&self.surveyed.server, self.surveyed.name());
        unheld(self.surveyed)?;

        let ties = ties(&self.sorted, &server.inventory);
        if !ties.chains.is_empty() {
            let also = ties.also.iter().map(|t| format!("'{t}'")).collect::<Vec<_>>().join(", ");
            return Err(Problem::refused(format!(
                "a table of `{name}` that keeps its rows needs rows that would be removed"
            ))
            .because(ties.chains.iter().map(|chain| one_line(chain)).collect::<Vec<_>>().join("\n"))
            .cure(format!(
                "keep those, too: add {also} to `guards.keep-tables` in `db-tasks.toml`; or do \
                 not keep the first one"
            ))
            .into());
        }

        let role = &server.role.name;
        let concerned = self.sorted.named().into_iter().chain(self.sorted.with_rows());
        if let Some((table, lacks)) = concerned.filter_map(|t| Some((t, t.lacks.as_ref()?))).next()
        {
            return Err(Problem::refused(format!(
                "the role `{role}` can't empty `{}`, which `{}` owns",
                table.name, table.owner
            ))
            .code(Code::RightsMissing)
            .because(one_line(&format!("it has no right to {lacks}")))
            .cure(format!(
                "connect as `{}` or as a superuser, or keep the table (`guards.keep-tables`)",
                table.owner
            ))
            .into());
        }

        if let Some(view) = refresh_order(&server.inventory).into_iter().find(|v| !v.ours) {
            return Err(Problem::refused(format!(
                "the role `{role}` can't refresh `{}`, which `{}` owns",
                view.name, view.owner
            ))
            .code(Code::RightsMissing)
            .because("a materialised view keeps the old rows until it is refreshed")
            .cure(format!("connect as `{}` or as a superuser", view.owner))
            .into());
        }

        Ok(())
    }

    /// Every table with its rows and what happens to it, and what a wipe leaves.
    pub(super) fn notes(&self) -> Vec<String> {
        let inventory = &self.surveyed.server.inventory;
        let rows = |rows: Option<u64>| rows.map_or(String::new(), count);
        let mut emptied: Vec<&Table> = self.sorted.with_rows().collect();

        emptied.sort_by_key(|t| std::cmp::Reverse(t.rows));
        let emptied =
            emptied.into_iter().map(|t| vec![t.name.clone(), rows(t.rows), "emptied".into()]);

        let kept = self
            .sorted
            .kept
            .iter()
            .map(|(t, why)| vec![t.name.clone(), rows(t.rows), format!("kept: {why}")]);

        let all: Vec<Vec<String>> = emptied.chain(kept).collect();
        let header = format!("TABLE OF {}", self.surveyed.name());
        let mut notes: Vec<String> =
            columns(&[(&header, Lean::Left), ("ROWS", Lean::Right), ("", Lean::Left)], &all)
                .lines()
                .map(String::from)
                .collect();

        let views: Vec<&str> = refresh_order(inventory).iter().map(|v| v.name.as_str()).collect();
        if !views.is_empty() {
            notes.push(format!("refreshed afterwards: {}", few(&views)));
        }

        if !inventory.sequences.is_empty() {
            notes.push(format!(
                "left as they are, because they belong to no column: the sequences {}",
                few(&inventory.sequences)
            ));
        }

        if inventory.large_objects > 0 {
            notes.push(format!(
                "left as they are: {}",
                counted(inventory.large_objects, "large object")
            ));
        }

        notes
    }

    pub(super) fn wipe(&self) -> Act {
        let d = self.surveyed;
        let kept =
            self.sorted.kept.iter().filter(|(t, _)| t.rows.is_some()).map(|(t, _)| t.name.as_str());

        let wipe = Wipe {
            database: Identity { name: d.name(), oid: d.live().map(|l| l.oid) },
            emptied: self.sorted.with_rows().collect(),
            named: self.sorted.named().iter().map(|t| t.name.as_str()).collect(),
            kept: kept.collect(),
            views: refresh_order(&d.server.inventory).iter().map(|v| v.name.as_str()).collect(),
            lacks_plpgsql: d.server.inventory.lacks_plpgsql,
        };
        wiping::wipe(&d.client, &wipe)
    }

    /// A psql that outlived its `docker exec` must not do it later.
    pub(super) fn alone(&self, act: Act) -> Step {
        let body = vec![Step::Act(act)];
        Step::Scope(Scope {
            body,
            on_failure: vec![end_sessions(self.surveyed)],
            ..Scope::default()
        })
    }
}
