//! Stops what depends on a database while it changes.

use crate::cmd::Cmd;
use crate::facts::ContainerFacts;
use crate::plan::{Act, Deed, How, LastWords, Scope, Step, Wait};

/// Stops the running services, does the steps, and starts the same services again on every path,
/// the last stopped first; waits for each until it is ready.
pub fn around_services(services: &[ContainerFacts], steps: Vec<Step>) -> Step {
    let running: Vec<_> = services.iter().filter(|s| s.runs()).collect();
    let mut body: Vec<Step> =
        running.iter().map(|s| Step::Act(deed(s, "stop", How::Unbroken))).collect();
    body.extend(steps);
    let finally =
        running.iter().rev().flat_map(|s| [deed(s, "start", How::Command), ready(s)]).collect();
    Step::Scope(Scope { body, finally, ..Scope::default() })
}

/// The engine goes on with a stop whose client was killed, and a start does nothing for a container
/// that still runs: so a stop is waited for.
fn deed(service: &ContainerFacts, verb: &str, how: fn(Cmd) -> How) -> Act {
    let cmd = Cmd::new(&service.engine).args([verb, &service.name]);
    Act::Write(Deed { what: format!("{verb} the container {}", service.name), how: how(cmd) })
}

/// Its health, if it has a check; otherwise that it runs.
fn ready(service: &ContainerFacts) -> Act {
    let format = "{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}";
    let until = if service.health.is_some() { "healthy" } else { "running" };

    Act::Wait(Wait {
        what: format!("the container {} to be {until}", service.name),
        cmd: Cmd::new(&service.engine).args([
            "inspect",
            "--type",
            "container",
            "--format",
            format,
            &service.name,
        ]),
        until: until.into(),
        limit: service.ready_within,
        last_words: Some(Box::new(last_words(service))),
    })
}

/// Lines of a log that are shown.
const LINES: &str = "20";

fn last_words(service: &ContainerFacts) -> LastWords {
    let ask = |words: &[&str]| {
        Cmd::new(&service.engine).args(words.iter().copied().chain([service.name.as_str()]))
    };
    LastWords {
        container: service.name.clone(),
        log: ask(&["logs", "--timestamps", "--tail", LINES]),
        env: ask(&["inspect", "--type", "container", "--format", "{{json .Config.Env}}"]),
    }
}
