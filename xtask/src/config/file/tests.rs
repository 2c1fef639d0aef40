use super::*;

#[test]
fn no_line_that_may_hold_a_password_is_shown() {
    for text in [
        "[databases.main]\npostgres = { url = \"postgres://app:hunter2@db/shop\", databse = \
             \"x\" }\n",
        "[databases.main]\npostgres = \"postgres://app:hunter2@db/shop\"\n",
        "[databases.main]\npostgres = { url = postgres://app:hunter2@db/shop }\n",
        "[databases.main]\npostgres = { url = \"postgres://app:hunter2@db/shop }\n",
        "[databases.main]\npostgres = { url = [\"postgres://app:hunter2@db/shop\"] }\n",
        "[databases.main]\npostgres = { database = \"x\", pasword = \"hunter2\" }\n",
        "[hooks]\nmigrate = { run = \"PGPASSWORD=hunter2 psql\", tiemout = 3 }\n",
        "[databases.main.postgres]\nurl = \"\"\"\nhunter2\\z\n\"\"\"\n",
        "[backup]\nkeep-days = 3\nkeep-days = { token = \"hunter2\" }\n",
        "databases = \"app:hunter2@db\"\n",
    ] {
        let said = error(text);
        assert!(!said.contains("hunter2") && said.contains("line "), "{text}\n{said}");
    }

    assert!(
        error("[databases.main]\npostgres = { url = \"postgres://a:b@c/d\", databse = \"x\" }\n")
            .contains("did you mean `database`")
    );
}

fn error(text: &str) -> String {
    parse(Path::new("db-tasks.toml"), text).unwrap_err().to_string()
}

#[test]
fn a_key_of_the_connection_is_told_its_place() {
    for key in ["url", "host", "port", "database", "user", "password-env", "maintenance-database"] {
        let said = error(&format!("[databases.main]\n{key} = \"x\"\n"));
        assert!(
            said.ends_with(&format!("next: write it as `postgres = {{ {key} = … }}`")),
            "{said}"
        );
    }

    assert!(error("[databases.main]\ncontainr = \"x\"\n").contains("did you mean `container`?"));
    let said = error("[containers.app]\nservice = \"db\"\n");
    assert!(said.ends_with("next: write it as `compose = { service = … }`"), "{said}");
    assert!(error("[databases]\nurl = \"x\"\n").contains("line 2"));
}

#[test]
fn a_text_where_a_table_belongs_is_told_its_form() {
    for (text, form) in [
        ("[stores.uploads]\nfiles = \"uploads\"\n", "files = { path = \"uploads\" }"),
        ("[stores.uploads]\nfiles = \"api/up\"\n", "files = { path = … }"),
        ("[stores]\nuploads = \"uploads\"\n", "NAME = { files = { path = \"uploads\" } }"),
        ("[stores.uploads]\npath = \"uploads\"\n", "files = { path = … }"),
        ("[stores.uploads]\nexclude = [\"*.tmp\"]\n", "files = { exclude = … }"),
        ("[stores.vectors]\nmilvus = \"http://localhost:19530\"\n", "milvus = { url = … }"),
        ("[stores.vectors]\ntoken-env = \"T\"\n", "milvus = { token-env = … }"),
        (
            "[databases.main]\npostgres = \"postgres://app:hunter2@db/shop\"\n",
            "postgres = { url = … }",
        ),
        (
            "[databases]\nmain = \"postgres://app:hunter2@db/shop\"\n",
            "NAME = { postgres = { url = … } }",
        ),
    ] {
        let said = error(text);
        assert!(
            said.ends_with(&format!("next: write it as `{form}`")) && !said.contains("hunter2"),
            "{text}\n{said}"
        );
    }
}

#[test]
fn a_typo_gets_its_place_a_caret_and_the_right_word() {
    assert_eq!(
        error("[backup]\ndir = \"b\"\nkeep-dais = 3\n"),
        "could not read `db-tasks.toml`\n  TOML parse error at line 3, column 1\n    |\n  3 | \
             keep-dais = 3\n    | ^^^^^^^^^\n  unknown field `keep-dais`, expected one of `dir`, \
             `name`, `timestamp`, `compress`, `level`, `pg-dump-args`, `form`, `key-order`, `mode`, `latest`, `keep-days`, `min-keep`, `keep-last`, \
             `keep-within`, `keep-hourly`, `keep-daily`, `keep-weekly`, `keep-monthly`, \
             `keep-yearly`, `max-size`, `interval-hours`, `ask`\n  next: did you mean \
             `keep-days`?"
    );
}

#[test]
fn a_duplicate_and_a_wrong_type_are_placed() {
    assert!(error("[databases.a]\n[databases.a]\n").contains("line 2"));
    assert!(error("[project]\nname = 3\n").contains("line 2, column 8"));
}

#[test]
fn positions_count_from_one() {
    assert_eq!(position("a\nbc\n", 3), (2, 2));
    assert_eq!(position("", 0), (1, 1));
}
