//! A question to a server, which another run may cut off.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::cmd::Cmd;
use crate::config::Secrets;
use crate::door::ask::{Answer, ask};
use crate::engine::postgres::client::said::was_cut_off;

/// How often an interrupted question is asked again, and how long to wait before.
const CUT_OFF: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// Asks a server: another run's swap terminates the sessions in its way, even
/// those that only read.
///
/// # Errors
/// psql can't be started.
pub fn ask_server(cmd: &Cmd, secrets: &Secrets) -> Result<Answer> {
    let mut answer = ask(cmd, secrets)?;
    for _ in 0..CUT_OFF {
        if !was_cut_off(answer.code, &answer.err) {
            break;
        }
        sleep(PAUSE);
        answer = ask(cmd, secrets)?;
    }

    Ok(answer)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_was_cut_off_is_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let asked = |times: u32| {
            let line = format!(
                "echo x >>said; [ $(wc -l <said) -gt {times} ] || {{ echo 'FATAL:  terminating' \
                 >&2; exit 2; }}; echo answer"
            );
            drop(std::fs::remove_file(dir.path().join("said")));
            let line = format!("cd '{}'; {line}", dir.path().display());
            ask_server(&Cmd::new("sh").args(["-c", &line]), &Secrets::default()).unwrap()
        };

        assert_eq!(asked(2).out, "answer\n");
        assert!(!asked(10).good, "not for ever");
    }
}
