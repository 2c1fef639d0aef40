//! An agent of the person's own, launchd.plist(5).

use std::path::PathBuf;

use super::{Job, MINUTES};
use crate::cmd::Cmd;
use crate::facts::machine::Machine;
use crate::plan::{Act, Deed, How};

/// Writes the file and hands it to launchd.
pub fn install(job: &Job, machine: &Machine) -> Vec<Act> {
    let (agents, file) = (agents(machine), file(job, machine));
    let load = Cmd::new("launchctl").args([
        "bootstrap".into(),
        domain(machine),
        file.display().to_string(),
    ]);

    vec![
        super::folder(&agents),
        Act::Write(Deed {
            what: format!("the file {}", file.display()),
            how: How::Text(file, text(job)),
        }),
        Act::Write(Deed { what: "the agent, from now on".into(), how: How::Command(load) }),
    ]
}

/// Takes it from launchd and removes the file.
pub fn remove(job: &Job, machine: &Machine) -> Vec<Act> {
    let file = file(job, machine);
    let unload = Cmd::new("launchctl")
        .args(["bootout".into(), format!("{}/{}", domain(machine), job.name())]);

    vec![
        Act::Write(Deed { what: "the agent, no longer".into(), how: How::Command(unload) }),
        Act::Remove(Deed { what: format!("the file {}", file.display()), how: How::File(file) }),
    ]
}

/// Its file.
pub fn file(job: &Job, machine: &Machine) -> PathBuf {
    agents(machine).join(format!("{}.plist", job.name()))
}

fn agents(machine: &Machine) -> PathBuf {
    machine.home.join("Library/LaunchAgents")
}

fn domain(machine: &Machine) -> String {
    format!("gui/{}", machine.user)
}

fn text(job: &Job) -> String {
    let string = |text: &str| format!("<string>{}</string>", escaped(text));
    let words: Vec<String> =
        job.words.iter().map(|word| format!("\t\t{}\n", string(word))).collect();
    let log = string(&job.log.to_string_lossy());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!-- `db-schedule` wrote this file, and `db-schedule remove` removes it -->\n\
         <plist version=\"1.0\">\n\
         <dict>\n\
         \t<key>Label</key>\n\t{label}\n\
         \t<key>ProgramArguments</key>\n\t<array>\n{words}\t</array>\n\
         \t<key>WorkingDirectory</key>\n\t{folder}\n\
         \t<key>EnvironmentVariables</key>\n\
         \t<dict>\n\t\t<key>PATH</key>\n\t\t{path}\n\t</dict>\n\
         \t<key>StartInterval</key>\n\t<integer>{seconds}</integer>\n\
         \t<key>StandardOutPath</key>\n\t{log}\n\
         \t<key>StandardErrorPath</key>\n\t{log}\n\
         </dict>\n\
         </plist>\n",
        label = string(&job.name()),
        words = words.concat(),
        folder = string(&job.folder.to_string_lossy()),
        path = string(&job.path),
        seconds = MINUTES * 60,
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
