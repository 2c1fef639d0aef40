use super::*;
use crate::config::Env;

#[test]
fn only_a_journal_of_ours_is_read() {
    let (root, other, home) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let env = Env::of([("XDG_STATE_HOME", home.path().to_str().unwrap())]);
    let own = |root: &Path| UserState::look(root, &env);
    let state = root.path().join(".db-tasks");

    state::prepare(&state).unwrap();
    let deed = Deed { what: "x".into(), how: How::Command(Cmd::new("sh").args(["-c", "true"])) };
    let pending = vec![Pending { verb: Verb::Remove, deed, told: false }];

    let left = Unfinished {
        task: "db-restore".into(),
        since: DateTime::UNIX_EPOCH,
        hook: None,
        inside: Vec::new(),
        pending,
        alone: Vec::new(),
    };

    write(&state, &own(root.path()), &left).unwrap();
    assert!(
        matches!(read(&state, &own(root.path())), Found::Left(found) if found.pending.len() == 1)
    );
    assert!(
        matches!(read(&state, &own(other.path())), Found::Unsafe(_)),
        "a copy in another folder"
    );

    let text = fs::read_to_string(file(&state)).unwrap();
    let without: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (text, why) in [
        (text.replace("\"true\"", "\"touch /x\""), "not signed by you"),
        (without["run"].to_string(), "an earlier version wrote it, or somebody else"),
        (text[..text.len() - 3].to_owned(), "it is not a journal"),
    ] {
        fs::write(file(&state), text).unwrap();
        assert!(
            matches!(read(&state, &own(root.path())), Found::Unsafe(said) if said.contains(why)),
            "{why}"
        );
    }

    let aside = set_aside(&state, DateTime::UNIX_EPOCH).unwrap();
    assert!(aside.ends_with("unfinished.json.unsafe-19700101_000000") && aside.exists());
    assert!(matches!(read(&state, &own(root.path())), Found::Nothing));
    fs::write(file(&state), "another in the same second").unwrap();

    let second = set_aside(&state, DateTime::UNIX_EPOCH).unwrap();
    assert!(second.ends_with("unfinished.json.unsafe-19700101_000000-2") && aside.exists());
}
