use super::*;

fn shown(uri: &str) -> String {
    let u = parse(uri).unwrap_or_else(|e| panic!("{uri}: {e}"));
    let s = |o: &Option<String>| o.clone().unwrap_or_else(|| "-".into());
    format!("{} {} {} {} {}", s(&u.user), s(&u.password), s(&u.host), s(&u.port), s(&u.database))
}

#[test]
fn takes_apart_what_people_write() {
    for (uri, want) in [
        ("postgresql://u:p@h:5433/d", "u p h 5433 d"),
        ("postgres://u@h/d", "u - h - d"),
        ("postgresql:///d", "- - - - d"),
        ("postgresql://u:p%40s%2Fs@h/d%20x", "u p@s/s h - d x"),
        ("postgresql://%2Ftmp%2Fpg/d", "- - /tmp/pg - d"),
        ("postgresql:///d?host=/tmp/pg&port=1", "- - /tmp/pg 1 d"),
        ("postgresql://localhost/d?host=/cloudsql/p:r:i", "- - /cloudsql/p:r:i - d"),
        ("postgresql://[::1]:5432/d", "- - ::1 5432 d"),
        ("postgresql://a:1,b:2/d", "- - a,b 1,2 d"),
        ("postgresql+asyncpg://u:p@h/d", "u p h - d"),
        ("jdbc:postgresql://h:1/d?user=u&password=p", "u p h 1 d"),
        ("postgresql://h/d?user=me@corp", "me@corp - h - d"),
        ("POSTGRES://u:p@h/d", "u p h - d"),
        ("\"postgres://u:p@h/d\"", "u p h - d"),
        ("'postgres://u:p@h/d'", "u p h - d"),
        // as libpq: up to the `@`, all is a role and its password
        ("postgres://u:1?x@h/d", "u 1?x h - d"),
        ("postgres://u:a#b@h/d", "u a#b h - d"),
        ("postgres://u:a+b:c@h/d", "u a+b:c h - d"),
        ("postgres://u:p@h", "u p h - -"),
        ("postgres://h?user=u&password=p&dbname=d", "u p h - d"),
        ("postgres://h/d%2F", "- - h - d/"),
    ] {
        assert_eq!(shown(uri), want, "{uri}");
    }
}

#[test]
fn keeps_libpq_options_and_sets_others_aside() {
    let u = parse(
        "postgresql://h/d?schema=public&sslmode=require&connection_limit=5&hostaddr=10.0.0.1",
    )
    .unwrap();
    let options = [("PGSSLMODE", "require"), ("PGHOSTADDR", "10.0.0.1")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(u.options, options);
    assert_eq!(u.ignored, ["schema", "connection_limit"]);
}

#[test]
fn what_programs_read_differently_is_refused_and_never_repeated() {
    for (uri, says) in [
        ("mysql://u:s3cret@h/d", "does not begin"),
        ("postgresql://u:s3cret@h/d\n", "blank"),
        ("postgresql://u:s3cret@h/d ", "blank"),
        (" postgresql://u:s3cret@h/d", "blank"),
        ("\"postgresql://u:s3cret@h/d\n\"", "blank"),
        ("postgresql://u:s3cret@h\r/d", "control"),
        ("postgresql://u:s3cret@h/d%0A", "control"),
        ("postgresql://u:s3cret@h%0d/d", "control"),
        ("postgresql://u:s3cret@h/d?options=a%0A", "control"),
        ("postgresql://u:s3c/ret@h/d", "unescaped"),
        ("postgresql://u:2024/s3cret@h/d", "unescaped"),
        ("postgresql://u:s3@cret@h/d", "unescaped"),
        ("postgresql://u:12/s3@cret/x@h/d", "unescaped"),
        ("postgresql://u:12/s3?cret@h/d", "unescaped"),
        ("postgresql://u:12/s3?c=ret@h/d", "unescaped"),
        ("postgresql://u:p@h:s3cret/d", "port"),
        ("postgresql://h/d/", "%2F"),
        ("postgresql://u:s3cret%zz@h/d", "%25"),
        ("postgresql://u:s3cret%0@h/d", "%25"),
        ("postgresql://u:s3cret%00@h/d", "%00"),
        ("postgresql://h/d?host=other", "twice"),
        ("postgresql://h/d?dbname=other", "twice"),
        ("postgresql://h/d?sslmode=require&sslmode=disable", "twice"),
        ("postgresql:///d?host=a&host=b", "twice"),
        ("postgresql:///d?socket=/tmp", "`socket`"),
        ("postgresql://h/d?service=x&sslmode=require", "service"),
        ("postgresql://h/d?service=x&hostaddr=1.2.3.4", "service"),
        ("postgresql://h/d?Host-s3cret=1", "`…`"),
    ] {
        let why = parse(uri).expect_err(uri);
        assert!(why.contains(says), "{uri}: {why}");
        assert!(!why.contains("s3") && !why.contains("cret"), "{uri}: {why}");
    }
}

#[test]
fn another_database_keeps_all_the_rest() {
    for (uri, want) in [
        ("postgresql://u:p@h:5433/d?schema=public", "postgresql://u:p@h:5433/d__x?schema=public"),
        ("postgres://u@h", "postgres://u@h/d__x"),
        ("postgresql:///d?host=/tmp/pg", "postgresql:///d__x?host=/tmp/pg"),
        ("postgresql://h/?dbname=d&sslmode=require", "postgresql://h/d__x?sslmode=require"),
        ("postgresql://h/d__x?dbname=d__x", "postgresql://h/d__x?dbname=d__x"),
        (
            "postgresql+asyncpg://u:1?x@h/d?ssl=require",
            "postgresql+asyncpg://u:1?x@h/d__x?ssl=require",
        ),
        ("postgres://u:p@h?schema=s", "postgres://u:p@h/d__x?schema=s"),
    ] {
        assert_eq!(with_database(uri, "d__x"), want);
    }
}

#[test]
fn another_host_keeps_all_the_rest() {
    for (uri, want) in [
        (
            "postgresql://u:p@db:5432/d?schema=public",
            "postgresql://u:p@127.0.0.1:56/d?schema=public",
        ),
        ("postgres://db", "postgres://127.0.0.1:56"),
        ("postgres+x://u@db/d", "postgres+x://u@127.0.0.1:56/d"),
    ] {
        assert_eq!(with_host(uri, "127.0.0.1", "56"), want);
    }

    assert_eq!(with_host("postgres://db/d", "::1", "5"), "postgres://[::1]:5/d");
}

#[test]
fn what_is_written_is_read_as_it_was() {
    for (host, port) in [("h", Some("5433")), ("/tmp/p g", Some("1")), ("::1", None)] {
        let read = parse(&write(Some("u@x"), Some("p:/@ß%"), host, port, "d x")).unwrap();
        let text = |o: &Option<String>| o.clone().unwrap_or_default();
        assert_eq!(
            [text(&read.user), text(&read.password), text(&read.database)],
            ["u@x", "p:/@ß%", "d x"]
        );
        assert_eq!((text(&read.host).as_str(), read.port.as_deref()), (host, port));
    }
}
