//! What of a dump is other roles', and what is left out of it.

use super::super::{Scanner, Withheld};
use crate::value::{Claim, Claims, LeftOut, Spare, Without};

const ALL: [Claim; 3] = [Claim::Owners, Claim::Rights, Claim::EventTriggers];

fn without(claims: &[Claim]) -> Without {
    Without {
        claims: claims.to_vec(),
        extensions: vec!["vault".into()],
        comments: vec!["plpgsql".into()],
        emptied: vec!["public.Gone".into()],
    }
}

/// What is left out of a script, what it takes, and that nothing of what is left out is let go
/// before it is known.
fn scanned(
    script: &str,
    without: Without,
    mut scanner: Scanner,
) -> (Vec<(String, Spare)>, Claims, LeftOut) {
    let kinds =
        [Spare::Owner, Spare::Right, Spare::Extension, Spare::EventTrigger, Spare::Reference];
    scanner = scanner.without(without);

    let (mut asides, mut released) = (Vec::<Withheld>::new(), 0);

    // in pieces, as they may come
    for chunk in script.as_bytes().chunks(3) {
        scanner.feed(chunk);
        let new = scanner.take_asides();
        let early = new.iter().find(|a| kinds.contains(&a.what) && a.at.start < released);
        assert!(early.is_none(), "let go before it was known: {early:?}");
        asides.extend(new);
        released = scanner.released(crate::value::Trust::Repository);
    }

    let texts = asides
        .into_iter()
        .map(|a| (script[a.at.start as usize..a.at.end as usize].to_owned(), a.what))
        .collect();
    let script = scanner.finish();

    (texts, script.claims, script.left_out)
}

#[test]
fn what_is_others_is_left_out() {
    for (statement, whose) in [
        ("ALTER TABLE public.t OWNER TO shop;", Some((Spare::Owner, "shop"))),
        (
            "ALTER FUNCTION public.f(a integer, b text) OWNER TO \"Shop\";",
            Some((Spare::Owner, "Shop")),
        ),
        ("ALTER OPERATOR public.+ (integer, NONE) OWNER TO shop;", Some((Spare::Owner, "shop"))),
        ("ALTER LARGE OBJECT 12 OWNER TO shop;", Some((Spare::Owner, "shop"))),
        ("ALTER SCHEMA owner OWNER TO \"to\";", Some((Spare::Owner, "to"))),
        ("SET SESSION AUTHORIZATION 'shop';", Some((Spare::Owner, "shop"))),
        ("SET SESSION AUTHORIZATION \"Shop\";", Some((Spare::Owner, "Shop"))),
        ("SET SESSION AUTHORIZATION DEFAULT;", Some((Spare::Owner, ""))),
        ("RESET SESSION AUTHORIZATION;", Some((Spare::Owner, ""))),
        ("GRANT SELECT ON TABLE public.t TO web;", Some((Spare::Right, "web"))),
        (
            "GRANT SELECT(a),UPDATE(\"to\") ON TABLE public.\"from\" TO web, \"Ann B\", PUBLIC \
             WITH GRANT OPTION;",
            Some((Spare::Right, "Ann B,web")),
        ),
        (
            "REVOKE ALL ON FUNCTION public.f(\"from\" integer) FROM PUBLIC;",
            Some((Spare::Right, "")),
        ),
        (
            "REVOKE GRANT OPTION FOR ALL ON SCHEMA public FROM web CASCADE;",
            Some((Spare::Right, "web")),
        ),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE shop IN SCHEMA public GRANT SELECT ON TABLES TO \
             web;",
            Some((Spare::Right, "shop,web")),
        ),
        (
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.f();",
            Some((Spare::EventTrigger, "")),
        ),
        ("ALTER EVENT TRIGGER e OWNER TO postgres;", Some((Spare::EventTrigger, ""))),
        ("COMMENT ON EVENT TRIGGER e IS 'x';", Some((Spare::EventTrigger, ""))),
        ("CREATE EXTENSION IF NOT EXISTS vault WITH SCHEMA public;", Some((Spare::Extension, ""))),
        ("CREATE EXTENSION \"vault\";", Some((Spare::Extension, ""))),
        ("COMMENT ON EXTENSION vault IS 'x';", Some((Spare::Extension, ""))),
        ("COMMENT ON EXTENSION plpgsql IS 'x; ';", Some((Spare::Extension, ""))),
        ("CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA vault;", None),
        ("COMMENT ON EXTENSION hstore IS 'vault';", None),
        ("COMMENT ON TABLE extension IS 'ALTER TABLE t OWNER TO shop';", None),
        ("ALTER TABLE t OWNER TO shop, ALTER COLUMN a SET DEFAULT 1;", None),
        ("ALTER TABLE public.t ALTER COLUMN c SET DEFAULT 1;", None),
        ("SECURITY LABEL FOR x ON TABLE t IS 'shop';", None),
        ("SET default_tablespace = '';", None),
        ("CREATE POLICY p ON t TO web USING ((a = 'x'::text));", None),
        ("CREATE SCHEMA shop;", None),
        ("INSERT INTO t VALUES ('GRANT ALL TO web');", None),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ GRANT ALL ON t TO web; $$;", None),
    ] {
        for scanner in [Scanner::new(), Scanner::for_loader()] {
            let asides = |found: Vec<(String, Spare)>| -> Vec<(String, Spare)> {
                let ours = [Spare::Owner, Spare::Right, Spare::Extension, Spare::EventTrigger];
                found.into_iter().filter(|(_, what)| ours.contains(what)).collect()
            };
            let (found, _, left) = scanned(statement, without(&ALL), scanner);
            let want: Vec<_> =
                whose.iter().map(|(what, _)| (statement.to_owned(), *what)).collect();

            assert_eq!(asides(found), want, "{statement}");
            let roles = left.roles.into_iter().collect::<Vec<_>>().join(",");
            assert_eq!(roles, whose.map_or("", |(_, roles)| roles), "{statement}");
        }
        let extension = matches!(whose, Some((Spare::Extension, _)));
        assert_eq!(
            scanned(statement, without(&[]), Scanner::new()).0.is_empty(),
            !extension,
            "{statement}"
        );
    }
}

/// What refers to rows that are missing would not hold.
#[test]
fn keys_to_what_is_missing_are_left_out() {
    for (statement, is_left_out) in [
        (
            "ALTER TABLE ONLY public.a\n    ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES \
             public.\"Gone\"(id) ON DELETE CASCADE;",
            true,
        ),
        (
            "ALTER TABLE public.a ADD CONSTRAINT k FOREIGN KEY (\"references\") REFERENCES \
             public.\"Gone\";",
            true,
        ),
        (
            "ALTER TABLE ONLY public.a ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES \
             public.gone(id);",
            false,
        ),
        (
            "ALTER TABLE ONLY public.a ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES \
             other.\"Gone\"(id);",
            false,
        ),
        (
            "ALTER TABLE ONLY public.\"Gone\" ADD CONSTRAINT k FOREIGN KEY (b) REFERENCES \
             public.a(id);",
            false,
        ),
        (
            "ALTER TABLE ONLY public.a ADD CONSTRAINT k CHECK ((b <> 'references \
             public.\"Gone\"'::text));",
            false,
        ),
        ("COMMENT ON TABLE a IS 'REFERENCES public.\"Gone\"';", false),
    ] {
        let (found, _, left) = scanned(statement, without(&[]), Scanner::new());
        let want: &[_] =
            if is_left_out { &[(statement.to_owned(), Spare::Reference)] } else { &[] };
        assert_eq!(
            (found.as_slice(), left.references),
            (want, u64::from(is_left_out)),
            "{statement}"
        );
        let whole = Without { emptied: Vec::new(), ..without(&[]) };
        assert_eq!(scanned(statement, whole, Scanner::new()).0, [], "{statement}");
    }
}

/// One of the two alone leaves the other.
#[test]
fn owners_and_rights_are_two_things() {
    let script = "ALTER TABLE t OWNER TO shop; GRANT ALL ON TABLE t TO web;";

    for (claim, what, left) in
        [(Claim::Owners, Spare::Owner, "shop"), (Claim::Rights, Spare::Right, "web")]
    {
        let (found, claims, out) = scanned(script, without(&[claim]), Scanner::new());
        assert_eq!((found.len(), found[0].1), (1, what));
        assert_eq!(
            (out.owners + out.rights, out.roles.into_iter().collect::<Vec<_>>()),
            (1, vec![left.to_owned()])
        );

        assert_eq!(
            (claims.owners.len(), claims.grantees.len()),
            (1, 1),
            "what there is, is known all the same"
        );
    }
}

#[test]
fn a_dump_says_what_it_takes() {
    let script = "CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
        CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f(); ALTER EVENT TRIGGER e \
                  OWNER TO postgres;
        CREATE SCHEMA a AUTHORIZATION anna; CREATE TABLE t (a int); ALTER TABLE t OWNER TO shop; \
                  ALTER TABLE u OWNER TO shop;
        CREATE POLICY p ON t FOR SELECT TO web, \"Ann\" USING ((a > 1)) WITH CHECK (true);
        CREATE POLICY q ON t TO PUBLIC USING (true); CREATE USER MAPPING FOR mapped SERVER s \
                  OPTIONS (\"user\" 'x');
        SET SESSION AUTHORIZATION shop; GRANT SELECT ON t TO web, PUBLIC; RESET SESSION \
                  AUTHORIZATION;
        ALTER DEFAULT PRIVILEGES FOR ROLE giver REVOKE ALL ON TABLES FROM giver;";

    let (_, claims, left) = scanned(script, Without::default(), Scanner::new());
    let keys = |map: &std::collections::BTreeMap<String, u64>| {
        map.iter().map(|(k, n)| format!("{k} {n}")).collect::<Vec<_>>()
    };
    let names = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();

    assert_eq!(keys(&claims.owners), ["shop 2"]);
    assert_eq!(keys(&claims.grantees), ["giver 1", "web 1"]);
    assert_eq!(
        (names(&claims.givers), names(&claims.assumed)),
        (vec!["giver".to_owned()], vec!["shop".to_owned()])
    );
    assert_eq!(names(&claims.bound), ["Ann", "anna", "mapped", "web"]);
    assert_eq!(
        (names(&claims.extensions), claims.event_triggers),
        (vec!["pgcrypto".to_owned()], 1)
    );

    assert!(left.is_nothing());
}
