use super::*;

#[test]
fn expands_every_form() {
    let env = Env::of([("A", "1"), ("EMPTY", "")]);

    for (text, want) in [
        ("plain", Ok("plain")),
        ("x${A}y", Ok("x1y")),
        ("${B:-two}", Ok("two")),
        ("${EMPTY:-d}", Ok("d")),
        ("${A:-two}${A}", Ok("11")),
        ("cost $$5 and $6", Ok("cost $5 and $6")),
        ("${B:-}", Ok("")),
        ("${B}", Err("B")),
        ("${B:?set B in .env}", Err("B")),
    ] {
        let got = env.expand(text);
        assert_eq!(
            got.as_ref().map(|e| e.text.as_str()).map_err(|m| m.name.as_str()),
            want,
            "{text}"
        );
    }
}

#[test]
fn a_line_that_cannot_be_read_is_told_where_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "A=1\nURL='s3cret\nREAL='x\n").unwrap();

    let env = Env::of([("REAL", "r")]).with_dotenv(folder.path()).unwrap();
    assert_eq!(env.expand("${A}${REAL}").unwrap().text, "1r");

    let broken = env.expand("${URL:-x}").unwrap_err().broken.unwrap();
    let said = Problem::from(broken).to_string();
    assert!(
        said.starts_with(
            "line 2 of `.env`, which sets `URL`, can't be read\n  its quotation mark ' is not \
                 closed"
        ),
        "{said}"
    );

    assert!(!said.contains("s3cret"));
    assert!(env.first(&["A", "URL"]).unwrap().is_some());
    assert!(env.first(&["URL", "A"]).is_err());
}

#[test]
fn what_a_file_holds_is_seen_whoever_exported_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".envrc"), "export PIN=true\n").unwrap();
    let env = Env::of([("PIN", "true")]).beside(folder.path());
    assert_eq!(
        (env.held("PIN", "true"), env.held("PIN", "no"), env.held("X", "true")),
        (Some(".envrc"), None, None)
    );
}

#[test]
fn remembers_where_a_value_came_from() {
    let env = Env::of([("HOST", "h")]);
    assert_eq!(env.expand("${HOST}:${PORT:-5432}").unwrap().from, ["HOST"]);
}
