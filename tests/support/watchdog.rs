//! Cleans up after this process however it ends: statics are never dropped, and a killed process
//! drops nothing.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// Collects lines until the pipe closes, that is until this process is gone; then runs them, the
/// newest first.
const SCRIPT: &str = r#"
    trap '' INT TERM HUP
    todo=
    while IFS= read -r line; do
        todo="$line
$todo"
    done
    eval "$todo"
"#;

/// Has a line of sh run after the end of this process. It may find its work done already.
pub fn at_exit(line: &str) {
    static PIPE: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    assert!(!line.contains('\n'), "one line: {line}");
    let mut pipe = PIPE.get_or_init(|| Mutex::new(start())).lock().unwrap();
    writeln!(pipe, "{line}").expect("the watchdog takes a line");
}

// in a group of its own, out of reach of Ctrl-C; its output nowhere, so that nobody waits for it to
// close
fn start() -> ChildStdin {
    let mut sh = Command::new("sh");
    sh.args(["-c", SCRIPT]).process_group(0);
    sh.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    sh.spawn().expect("sh").stdin.take().unwrap()
}
