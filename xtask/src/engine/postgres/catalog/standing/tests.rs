use super::*;

fn standing(superuser: bool) -> Standing {
    let map = |pairs: &[(&str, bool)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), *v || superuser)).collect()
    };
    Standing {
        role: "app".into(),
        superuser,
        roles: map(&[("app", true), ("team", true), ("postgres", false), ("other", false)]),
        superusers: names(&["postgres"]),
        extensions: Some(map(&[
            ("plpgsql", true),
            ("pgcrypto", true),
            ("pg_stat_statements", false),
        ])),
        there: map(&[("plpgsql", false), ("pg_stat_statements", false), ("pgcrypto", true)]),
        ..Standing::default()
    }
}

fn claims(change: impl FnOnce(&mut Claims)) -> Claims {
    let mut claims = Claims::default();
    change(&mut claims);
    claims
}

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

fn many(all: &[&str]) -> BTreeMap<String, u64> {
    all.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

#[test]
fn what_a_role_lacks() {
    let lo = Some(Claim::Owners);
    let ri = Some(Claim::Rights);

    let table: [(&str, Claims, Vec<Option<Claim>>, usize); 12] = [
        ("nothing", Claims::default(), vec![], 0),
        ("its own", claims(|c| c.owners = many(&["app", "team"])), vec![], 0),
        ("another's", claims(|c| c.owners = many(&["app", "postgres"])), vec![lo], 0),
        ("nobody's", claims(|c| c.owners = many(&["prod"])), vec![lo], 1),
        ("both", claims(|c| c.owners = many(&["prod", "postgres"])), vec![lo, lo], 1),
        ("rights of one who is there", claims(|c| c.grantees = many(&["postgres"])), vec![], 0),
        ("rights of one who is not", claims(|c| c.grantees = many(&["web"])), vec![ri], 1),
        (
            "default privileges",
            claims(|c| c.givers = names(&["postgres", "prod"])),
            vec![ri, ri],
            1,
        ),
        ("a session's", claims(|c| c.assumed = names(&["app", "team"])), vec![ri], 0),
        ("a policy", claims(|c| c.bound = names(&["web", "postgres"])), vec![None], 1),
        (
            "extensions",
            claims(|c| {
                c.extensions = names(&["plpgsql", "pgcrypto", "pg_stat_statements", "vault"])
            }),
            vec![lo, lo],
            1,
        ),
        ("event triggers", claims(|c| c.event_triggers = 2), vec![lo], 0),
    ];

    for (what, claims, wanted, of_a_superuser) in table {
        let kinds = |lacks: Vec<Lack>| lacks.into_iter().map(|lack| lack.of).collect::<Vec<_>>();
        assert_eq!(kinds(standing(false).lacks(&claims, Into::New)), wanted, "{what}");
        assert_eq!(
            kinds(standing(true).lacks(&claims, Into::New)).len(),
            of_a_superuser,
            "{what}, a superuser"
        );
    }
}

/// Nobody is told to make a role a superuser for a restore.
#[test]
fn what_an_administrator_can_give() {
    for (owners, cure) in [
        (&["prod"][..], Some("CREATE ROLE \"prod\";")),
        (&["other"], Some("GRANT \"other\" TO \"app\";")),
        (&["postgres"], None),
        (&["other", "postgres"], None),
    ] {
        let lacks = standing(false).lacks(&claims(|c| c.owners = many(owners)), Into::New);
        assert_eq!(lacks[0].cure.as_deref(), cure, "{owners:?}");
    }
}

/// What is there need not be made; a provider's role may make what no catalog says; what can't
/// be listed is not judged.
#[test]
fn extensions_are_judged_where_they_are_made() {
    let wants = claims(|c| {
        c.extensions = names(&["pg_stat_statements", "pgcrypto", "vault"]);
        c.event_triggers = 1;
    });
    let provider = Standing { provider: Some("rds_superuser".into()), ..standing(false) };
    let blind = Standing { extensions: None, ..standing(false) };

    for (standing, into, extensions, triggers, lacks) in [
        (standing(false), Into::New, &["vault", "pg_stat_statements"][..], true, 3),
        (standing(false), Into::Live, &["vault"], true, 2),
        (standing(true), Into::New, &["vault"], false, 1),
        (provider, Into::New, &["vault"], false, 1),
        (blind, Into::New, &[], true, 1),
    ] {
        let left = standing.without(&wants, &[Claim::Owners, Claim::Rights], into);
        assert_eq!(
            (left.extensions, left.claims.contains(&Claim::EventTriggers)),
            (names_of(extensions), triggers)
        );
        assert_eq!(standing.lacks(&wants, into).len(), lacks);
        assert!(
            standing.without(&wants, &[Claim::Rights], into).extensions.is_empty(),
            "owners are not left out"
        );
    }
}

fn names_of(all: &[&str]) -> Vec<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn comments_stay_where_the_extension_is_somebody_elses() {
    for (standing, into, comments) in [
        (standing(false), Into::New, &["plpgsql"][..]),
        (standing(true), Into::New, &[]),
        (standing(false), Into::Live, &["pg_stat_statements", "plpgsql"]),
        (standing(true), Into::Live, &[]),
    ] {
        assert_eq!(standing.without(&Claims::default(), &[], into).comments, names_of(comments));
    }
}
