use super::*;
use crate::cmd::Cmd;
use crate::plan::{Hook, Plan, Risk, Scope, Step};
use crate::value::{Address, Change as Of, Swapped};

fn live(what: &str) -> Deed {
    Deed { what: what.into(), how: How::Live(Cmd::new("psql"), None) }
}

fn swap() -> Act {
    Act::Rename(live("databases shop -> shop__previous, shop__staged -> shop"))
}

fn swap_back() -> Act {
    Act::Rename(live("databases shop -> shop__failed, shop__previous -> shop"))
}

fn tree(change: Of) -> Act {
    let address =
        Address::Files { path: "/x".into(), exclude: Vec::new(), rights: Default::default() };
    Act::Rename(Deed { what: "uploads".into(), how: How::Change(address, change) })
}

fn hook(what: &str) -> Act {
    let hook = Hook { shown: "npx x".into(), cmd: Cmd::new("x"), timeout: 1, end: None };
    Act::Write(Deed { what: what.into(), how: How::Hook(Box::new(hook)) })
}

fn aside() -> Act {
    Act::Remove(Deed { what: "database shop__staged".into(), how: How::Command(Cmd::new("psql")) })
}

const REFUSED: End = End::Failed(Fate::RolledBack);
const LOST: End = End::Failed(Fate::Unknown);

/// What is said of acts that ended so, behind which these cleaned up.
fn told(acts: &[(Act, End)], cleaned: &[(Act, End)]) -> String {
    let mut aftermath = Aftermath::default();
    let since = aftermath.since();
    acts.iter().for_each(|(act, end)| aftermath.ended(act, *end));
    aftermath.cleaned_up(&since, &cleaned.iter().map(|(act, end)| (act, *end)).collect::<Vec<_>>());
    aftermath.told("db-restore").unwrap()
}

#[test]
fn no_more_is_claimed_than_is_true() {
    let into = || tree(Of::Swap { live: "1".into() });
    let back = || tree(Of::Back { live: "1".into(), from: Swapped::In });
    let names = "databases shop -> shop__previous, shop__staged -> shop";
    let returned = "databases shop -> shop__failed, shop__previous -> shop";

    for (acts, cleaned, want) in [
        (vec![], vec![], "the live data is as it was".to_owned()),
        (vec![(aside(), LOST)], vec![(aside(), LOST)], "the live data is as it was".into()),
        // one transaction that the server has refused
        (vec![(swap(), REFUSED)], vec![(swap_back(), LOST)], "the live data is as it was".into()),
        (
            vec![(swap(), LOST)],
            vec![(aside(), End::Well)],
            format!("done completely or not at all, which is not known: rename {names}"),
        ),
        // a killed session may have done it, and the way back acts by what it finds
        (
            vec![(swap(), LOST)],
            vec![(swap_back(), End::Well)],
            format!("the live data is as it was: what may have been done was undone ({returned})"),
        ),
        (vec![(swap(), End::Well)], vec![], format!("done, and not undone: rename {names}")),
        (
            vec![(swap(), End::Failed(Fate::Cut))],
            vec![],
            format!("perhaps done in part: rename {names}"),
        ),
        (
            vec![(swap(), End::Well), (hook("the migrate hook"), LOST)],
            vec![(swap_back(), End::Well), (hook("the failed-reset hook"), End::Well)],
            format!(
                "what was live before is live again ({returned}); what else the migrate hook \
                     and the failed-reset hook reach may have changed"
            ),
        ),
        (
            vec![(swap(), End::Well)],
            vec![(swap_back(), End::Told)],
            format!("done, and whether it was undone is said above: rename {names}"),
        ),
        (
            vec![(swap(), LOST)],
            vec![(swap_back(), End::Told)],
            format!("perhaps done, and whether it was undone is said above: rename {names}"),
        ),
        (
            vec![(swap(), End::Well)],
            vec![(swap_back(), REFUSED)],
            format!("done, and could NOT be undone (`db-repair` tries again): rename {names}"),
        ),
        (
            vec![(into(), LOST)],
            vec![(back(), LOST)],
            "perhaps done, and could NOT be undone (`db-repair` tries again): rename uploads: /x \
             -> /x.db-tasks/previous, /x.db-tasks/staged -> /x"
                .into(),
        ),
        (
            vec![(into(), End::Well), (swap(), REFUSED)],
            vec![(swap_back(), End::Well), (back(), End::Told)],
            format!(
                "what was live before is live again ({returned}; uploads: \
                     /x.db-tasks/previous -> /x, as it was before)"
            ),
        ),
        (
            vec![(tree(Of::Wipe { live: "1".into(), items: 2 }), LOST)],
            vec![],
            "perhaps done in part: rename uploads: all that is in /x".into(),
        ),
        (
            vec![(hook("the migrate hook"), LOST)],
            vec![],
            "this run itself has changed no live data; what the migrate hook reaches may have \
             changed"
                .into(),
        ),
        (
            vec![(Act::Create(live("database shop")), End::Well), (hook("the seed hook"), LOST)],
            vec![(Act::Remove(live("the incomplete shop, kept as shop__failed")), End::Well)],
            "removed again: the incomplete shop, kept as shop__failed; what else the seed hook \
             reaches may have changed"
                .into(),
        ),
    ] {
        assert_eq!(told(&acts, &cleaned), want);
    }
}

#[test]
fn a_scope_takes_back_what_is_its_own() {
    let mut aftermath = Aftermath::default();
    aftermath.ended(&Act::Remove(live("every row of 2 tables in app")), End::Well);

    let since = aftermath.since();
    aftermath.ended(&swap(), End::Well);
    aftermath.cleaned_up(&since, &[(&swap_back(), End::Well)]);

    assert_eq!(
        aftermath.told("db-wipe").unwrap(),
        "what was live before is live again (databases shop -> shop__failed, shop__previous -> \
         shop); done, and not undone: remove every row of 2 tables in app"
    );
}

#[test]
fn whoever_only_reads_says_nothing() {
    for task in ["db-backup", "db-verify", "db-cleanup", "db-start", "db-pgpass"] {
        assert_eq!(Aftermath::default().told(task), None, "{task}");
    }
}

/// A wipe of two databases and a store, with a backup first and hooks around it.
fn wipe() -> Plan {
    let in_scope = |act| Step::Scope(Scope { body: vec![Step::Act(act)], ..Scope::default() });
    let empty = Of::Wipe { live: "1".into(), items: 2 };
    let steps = vec![
        Step::Act(aside()),
        in_scope(Act::Write(live("empty app"))),
        in_scope(Act::Write(live("empty app"))),
        Step::Act(tree(empty)),
        Step::Act(hook("the after-wipe hook")),
    ];
    Plan { steps, ..Plan::bare("db-wipe", String::new(), Risk::Nothing) }
}

#[test]
fn a_table_of_runs_that_end_half_way() {
    let (app, uploads) =
        (|| Act::Write(live("empty app")), || tree(Of::Wipe { live: "1".into(), items: 2 }));

    for (done, undone, half_way) in [
        (vec![], vec![], false),
        (vec![(aside(), End::Well)], vec![], false),
        (vec![(aside(), End::Well), (app(), End::Well)], vec![], true),
        (vec![(app(), End::Well), (app(), REFUSED)], vec![], true),
        (vec![(app(), End::Well), (app(), LOST)], vec![], true),
        (vec![(app(), REFUSED)], vec![], false),
        (vec![(app(), LOST)], vec![], true),
        (vec![(app(), End::Well), (app(), End::Well), (uploads(), LOST)], vec![], true),
        (vec![(app(), End::Well), (app(), End::Well)], vec![], true),
        // what failed came after the work
        (vec![(app(), End::Well), (app(), End::Well), (uploads(), End::Well)], vec![], false),
        (vec![(app(), End::Well), (app(), REFUSED)], vec![(swap_back(), End::Well)], false),
    ] {
        let mut aftermath = Aftermath::default();
        let since = aftermath.since();
        done.iter().for_each(|(act, end)| aftermath.ended(act, *end));
        let undone: Vec<(&Act, End)> = undone.iter().map(|(act, end)| (act, *end)).collect();
        aftermath.cleaned_up(&since, &undone);

        assert_eq!(aftermath.is_half_way(&wipe()), half_way, "{done:?}");
    }
}
