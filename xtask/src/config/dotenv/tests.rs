use super::*;

fn of(bytes: &[u8]) -> Dotenv {
    read(bytes, &|name| (name == "REAL").then(|| "real".to_owned()))
}

/// The forms that people have, each with what compose, node and python agree on.
#[test]
fn every_form_has_its_value() {
    for (text, want) in [
        ("V=x", "x"),
        ("V=x\r\n", "x"),
        ("\u{feff}V=x", "x"),
        ("export V=x", "x"),
        ("export\tV=x", "x"),
        ("  V = x  ", "x"),
        ("V: x", "x"),
        ("V=", ""),
        ("V=   # nothing", ""),
        ("V=My Shop", "My Shop"),
        ("V=abc#def", "abc#def"),
        ("V=abc # don't", "abc"),
        (r"V=C:\dev\tool", r"C:\dev\tool"),
        (r#"V="^\d+$""#, r"^\d+$"),
        (r#"V="a\nb\"c\\d""#, "a\nb\"c\\d"),
        (r#"V={"a": 1}"#, r#"{"a": 1}"#),
        ("V=a(b)", "a(b)"),
        ("V=O'Brien", "O'Brien"),
        ("V='pa$word'", "pa$word"),
        ("V='a\\n${X}'", "a\\n${X}"),
        ("V=`a b`", "`a b`"),
        ("V=pa$$word", "pa$word"),
        ("V=\"pa\\$word\"", "pa$word"),
        ("V=5$", "5$"),
        ("V=$5", "$5"),
        ("V=pa$word", "pa"),
        ("V=\"pa$word\"", "pa"),
        ("V=\"x\" # it's", "x"),
        ("V=\"a\r\nb\"", "a\nb"),
        ("V='a\n#b\nc=d'", "a\n#b\nc=d"),
        ("V=${NOPE:-x}", "x"),
        ("V=\"${NOPE-x}\"", "x"),
        ("E=\nV=${E:-x}${E-y}", "x"),
        ("V=${REAL:+x}${NOPE:+y}", "x"),
        ("V=${NOPE:-${NOR:-x}}", "x"),
        ("REAL=file\nV=$REAL", "real"),
        ("A=1\nV=${A}2", "12"),
        ("V=${LATER}\nLATER=x", ""),
        ("V=1\nV=2", "2"),
        ("V=\"open\nV=2", "2"),
        ("OTHER\n1A=c\nA-B=c\n= d\n???\nV=x", "x"),
        ("OTHER=\"open\nV=x", "x"),
        ("A=it is \"so\nV=x", "x"),
        ("A='open\nV=x\nB='y'", "x"),
    ] {
        let found = of(text.as_bytes());
        assert_eq!(found.values.get("V").map(String::as_str), Some(want), "{text:?}: {found:?}");
    }

    assert_eq!(of(b"OTHER=caf\xe9\nV=x\n").values["V"], "x");
}

#[test]
fn what_cannot_be_read_is_told_without_its_value() {
    for (text, line, why) in [
        (&b"A=1\nV=\"s3cret\nB=2"[..], 2, "its quotation mark \" is not closed"),
        (b"V='s3cret'x", 1, "something follows its closing quotation mark '"),
        (b"V s3cret", 1, "there is no `=` after its name"),
        (b"V=s3cret\xe9", 1, "it is not UTF-8"),
        (b"V=${s3cret", 1, "a `${` in it is not closed"),
        (b"V=${A:?s3cret}", 1, "it needs `A`, which is not set"),
        (b"V=${A/s3cret}", 1, "a `${…}` in it is not supported"),
        (b"V=good\nV='s3cret", 2, "its quotation mark ' is not closed"),
    ] {
        let found = of(text);
        assert_eq!(
            found.unreadable.get("V"),
            Some(&Unreadable { line, why: why.into() }),
            "{found:?}"
        );
        assert_eq!(found.values.get("V"), None);
    }

    assert_eq!(of(b"A=1\nV=\"s3cret\nB=2").values["B"], "2");
}

#[test]
fn what_a_person_should_know() {
    assert_eq!(
        of(b"V=1\nW=a$b\n\nV=2\n").notes,
        [
            "line 2 refers to `b`, which is not set there and counts as empty; to keep a `$` as it \
             is, put the value in single quotation marks",
            "`V` is set in lines 1, 4: the last one counts, line 4"
        ]
    );
}
