use super::*;
use crate::value::tree::Given;

fn tree(path: &str, about: &str) -> Inside {
    Inside::new("docker", "app", path, about).unwrap()
}

fn said(acts: &[Act]) -> Vec<String> {
    let line = |act: &Act| match act {
        Act::Create(Deed { how: How::Command(cmd), .. })
        | Act::Rename(Deed { how: How::Command(cmd), .. })
        | Act::Write(Deed { how: How::Command(cmd), .. })
        | Act::Remove(Deed { how: How::Command(cmd), .. }) => cmd.to_string(),
        Act::Check(check) => format!("{} == {:?}", check.cmd, check.expect),
        other => panic!("{other:?}"),
    };
    acts.iter().map(|act| line(act).replace("docker exec --user=0 app ", "")).collect()
}

#[test]
fn a_swap_beside_the_tree() {
    let tree = tree("/srv/up/", "0123456789abcdef\n/data\n");
    let found = tree
        .found(
            "41ed 1 /srv/up\n41c0 2 /srv/up.db-tasks\n41ed 3 \
                 /srv/up.db-tasks/made-by-db-tasks\n43c0 4 /srv/up.db-tasks/coming\n41ed 5 \
                 /srv/up.db-tasks/previous\n41ed 2 /\n",
        )
        .unwrap();

    assert!(found.can_undo() && !found.cut_short());
    assert_eq!(tree.id(&found), "0123456789ab:1:5");

    let ours =
        "stat -c %n /srv/up.db-tasks/made-by-db-tasks == \"/srv/up.db-tasks/made-by-db-tasks\"";
    assert_eq!(
        said(&tree.swap(&Found { discard: Some(9), ..found.clone() }).unwrap()),
        [
            ours,
            "mkdir -p /srv/up.db-tasks/left",
            "mv -T /srv/up.db-tasks/discard /srv/up.db-tasks/left/9",
            "mv -T /srv/up.db-tasks/coming /srv/up.db-tasks/staged",
            "mv -T /srv/up.db-tasks/previous /srv/up.db-tasks/discard",
            "mv -T /srv/up /srv/up.db-tasks/previous",
            "mv -T /srv/up.db-tasks/staged /srv/up",
        ]
    );

    let undo = [
        ours,
        "mv -T /srv/up.db-tasks/previous /srv/up.db-tasks/staged",
        "mv -T /srv/up /srv/up.db-tasks/previous",
        "mv -T /srv/up.db-tasks/staged /srv/up",
    ];

    assert_eq!(said(&tree.undo(&found).unwrap()), undo);
    let cut = Found { root: None, live: None, staged: Some(6), ..found.clone() };
    assert_eq!(said(&tree.finish(&cut).unwrap()), ["mv -T /srv/up.db-tasks/staged /srv/up"]);
    assert!(tree.swap(&cut).is_err() && tree.stage(&cut).is_err() && tree.forget(&cut).is_err());

    let taken = [
        "mv -T /srv/up.db-tasks/previous /srv/up.db-tasks/coming",
        "mv -T /srv/up.db-tasks/discard /srv/up.db-tasks/previous",
        "rm -rf /srv/up.db-tasks/coming",
    ];

    let base = Found { coming: None, ..found.clone() };
    let swapped = Found { live: Some(4), previous: Some(1), discard: Some(5), ..base.clone() };
    assert_eq!(
        said(&tree.take_back(&swapped, "c:1:5").unwrap()),
        [&undo[..], &[ours], &taken[..]].concat()
    );

    // cut off when the old tree was live again, and when what it kept was to be kept again
    let live = Found { live: Some(1), previous: Some(4), discard: Some(5), ..base.clone() };
    assert_eq!(said(&tree.take_back(&live, "c:1:5").unwrap()), [&[ours][..], &taken[..]].concat());

    let away =
        Found { live: Some(1), previous: None, discard: Some(5), coming: Some(4), ..base.clone() };

    assert_eq!(said(&tree.take_back(&away, "c:1:5").unwrap()), [&[ours][..], &taken[1..]].concat());
    // a run that was cut off: what came may have been used since
    let put_by = [
        "mkdir -p /srv/up.db-tasks/returned",
        "mv -T /srv/up.db-tasks/previous /srv/up.db-tasks/returned/4",
        taken[1],
    ];

    assert_eq!(
        said(&tree.take_back_late(&live, "c:1:5").unwrap()),
        [&[ours][..], &put_by].concat()
    );
    // nothing was swapped, or it was taken back before
    assert_eq!(said(&tree.take_back(&found, "c:1:5").unwrap()), Vec::<String>::new());
    assert_eq!(said(&tree.redo(&found, "c:1:5").unwrap()), Vec::<String>::new());

    // nothing was kept before
    let first = Found { live: Some(4), previous: Some(1), ..base.clone() };
    assert_eq!(
        said(&tree.take_back(&first, "c:1:-").unwrap()),
        [&undo[..], &[ours], &[taken[0], taken[2]]].concat()
    );
    assert!(tree.take_back(&first, "c:7:-").is_err() && tree.redo(&first, "c:7:-").is_err());
    assert_eq!(said(&tree.redo(&first, "c:1:4").unwrap()), undo);
    assert_eq!(said(&tree.settle(&swapped).unwrap()), [ours, "rm -rf /srv/up.db-tasks/discard"]);

    assert_eq!(said(&tree.unstage(&found).unwrap()), [ours, "rm -rf /srv/up.db-tasks/coming"]);
    assert_eq!(
        said(&tree.unstage(&Found { previous: None, ..found.clone() }).unwrap()),
        [
            ours,
            "rm -rf /srv/up.db-tasks/discard /srv/up.db-tasks/coming /srv/up.db-tasks/left \
                 /srv/up.db-tasks/live",
            "rmdir /srv/up.db-tasks/made-by-db-tasks /srv/up.db-tasks",
        ]
    );
}

#[test]
fn a_swap_within_a_volume_goes_on_from_where_it_was_cut() {
    let tree = tree("/vol", "/vol\n");
    let base = Found {
        root: Some(1),
        live: Some(1),
        folder: Some(2),
        mark: Some(3),
        previous: Some(5),
        ..Found::default()
    };

    let all = said(&tree.finish(&Found { staged: Some(4), ..base.clone() }).unwrap());
    let kept = [
        "mv -T /vol/.db-tasks/previous /vol/.db-tasks/discard",
        "mv -T /vol/.db-tasks/leaving /vol/.db-tasks/previous",
    ];

    assert_eq!(
        all,
        [
            "mkdir -m 1700 /vol/.db-tasks/leaving",
            "find /vol -mindepth 1 -maxdepth 1 '!' -name .db-tasks -exec mv -n '{}' \
                 /vol/.db-tasks/leaving/ ';'",
            "find /vol -mindepth 1 -maxdepth 1 '!' -name .db-tasks == \"\"",
            "mv -T /vol/.db-tasks/staged /vol/.db-tasks/arriving",
            "find /vol/.db-tasks/arriving -mindepth 1 -maxdepth 1 -exec mv -n '{}' /vol/ ';'",
            "find /vol/.db-tasks/arriving -mindepth 1 -maxdepth 1 == \"\"",
            "mv -T /vol/.db-tasks/arriving /vol/.db-tasks/live",
            kept[0],
            kept[1],
        ]
    );

    let again =
        said(&tree.finish(&Found { staged: Some(4), standing: Some(8), ..base.clone() }).unwrap());
    assert_eq!(again[0], "mv -T /vol/.db-tasks/live /vol/.db-tasks/leaving");
    assert_eq!(again[1..], all[1..]);

    let going = Found { staged: Some(4), leaving: Some(8), ..base.clone() };
    assert_eq!(said(&tree.finish(&going).unwrap()), all[1..]);

    let arriving = Found { arriving: Some(4), leaving: Some(6), ..base.clone() };
    assert_eq!(said(&tree.finish(&arriving).unwrap()), all[4..]);

    let leaving = Found { leaving: Some(6), ..base.clone() };
    assert_eq!(said(&tree.finish(&leaving).unwrap()), kept);
    assert!(tree.finish(&base).unwrap().is_empty());
    assert!(tree.dump_by_engine(&base).is_err());

    let dump = |found: &Found, tar| tree.dump_with_tar(found, tar).to_string();
    let reading = "docker exec --user=0 -e LC_ALL=C app tar -cf - -C /vol";
    assert_eq!(dump(&base, Tar::Plain), format!("{reading} --exclude=./.db-tasks ."));
    assert_eq!(
        dump(&base, Tar::Posix),
        format!("{reading} --format=posix --exclude=./.db-tasks .")
    );

    assert_eq!(
        dump(&base, Tar::Gnu),
        format!("{reading} --format=posix --xattrs '--xattrs-include=*' --exclude=./.db-tasks .")
    );

    let feed = |tar, given| tree.feed_with_tar(tar, given).to_string();
    let feeding = "docker exec -i --user=0 app tar -xpf - -C /vol/.db-tasks/coming";
    assert_eq!(feed(Tar::Plain, Given::All), feeding);

    let plain = format!(
        "{feeding} --xattrs '--xattrs-include=user.*' '--xattrs-include=system.posix_acl_*'"
    );
    assert_eq!(feed(Tar::Gnu, Given::Plain), plain);

    let power = "--xattrs-include=security.capability '--xattrs-include=trusted.*'";
    assert_eq!(feed(Tar::Gnu, Given::All), format!("{plain} {power}"));

    let theirs = Found { mark: None, ..base.clone() };
    assert_eq!(
        dump(&theirs, Tar::Plain),
        format!("{reading} ."),
        "a folder of somebody's own is in the backup"
    );

    assert_eq!(
        said(&tree.wipe())[0],
        "find /vol -mindepth 1 -maxdepth 1 '!' -name .db-tasks -exec rm -rf '{}' ';'"
    );
}

#[test]
fn what_was_in_a_volume_first_is_known_wherever_it_goes() {
    let tree = tree("/vol", "c\n/vol\n");
    let before = tree.found("41ed 1 /vol\n").unwrap();
    assert_eq!(tree.id(&before), "c:1:-");

    let swapped = tree
        .found("41ed 1 /vol\n41c0 7 /vol/.db-tasks/live\n43c0 8 /vol/.db-tasks/previous\n")
        .unwrap();
    assert_eq!(tree.id(&swapped), "c:7:1");

    let undone = tree
        .found("41ed 1 /vol\n43c0 8 /vol/.db-tasks/live\n41c0 7 /vol/.db-tasks/previous\n")
        .unwrap();
    assert_eq!(tree.id(&undone), "c:1:7");
}

#[test]
fn what_is_asked_and_answered() {
    let tree = tree("/srv/up", "c\n");
    assert_eq!(
        tree.census(&Found::default()).to_string(),
        "docker exec --user=0 app find /srv/up -mindepth 1 -path /srv/up.db-tasks -prune -o \
             -exec stat -c '%f %s' '{}' +"
    );

    assert_eq!(Inside::counted("81a4 10\n41ed 4096\na1ff 3\n81a4 5\n"), (4, 15));
    assert!(
        Inside::is_answer("41ed 1 /srv/up\n41ed 2 /\n")
            && !Inside::is_answer("41ed 1 /srv/up\n")
            && !Inside::is_answer("")
    );

    for root in ["a1ff 1 /srv/up\n", "81a4 1 /srv/up\n"] {
        assert!(tree.found(root).is_err(), "{root}");
    }

    assert!(!tree.found("41ed 2 /\n").unwrap().is_there());
    let made = "C /srv\nA /srv/up\nA /srv/up/a\n";
    assert!(
        tree.is_made(made)
            && !tree.is_made("C /srv\nC /srv/up\nA /srv/up/a\n")
            && !tree.is_made("A /srv/upper\n")
    );

    let at_work = "CMD\nsleep infinity\nmv -T /srv/up /srv/up.db-tasks/previous\ntar -cf - -C \
                       /srv/up .\ntar -cf - -C /srv/upper .\n";
    assert_eq!(
        tree.ours(at_work),
        ["mv -T /srv/up /srv/up.db-tasks/previous", "tar -cf - -C /srv/up ."]
    );
}

#[test]
fn paths_and_mounts_that_will_not_do() {
    for path in ["", "/", "up", "/srv/../etc", "/srv//up", "/srv/./up"] {
        assert!(Inside::new("docker", "app", path, "").is_err(), "{path}");
    }

    let inside = Inside::new("docker", "app", "/srv/up", "/srv/up/cache\n").unwrap_err();
    assert_eq!(inside.exit, crate::problem::Exit::Refused);

    for (mounts, way) in [
        ("/srv/upper\n", Way::Beside),
        ("/srv\n", Way::BesideInMount),
        ("/srv\n/srv/up\n", Way::Within),
    ] {
        let tree = tree("/srv/up", mounts);
        assert_eq!(tree.way, way, "{mounts}");
        assert_eq!(
            tree.changed().is_some(),
            way == Way::Beside,
            "only the container's own files lie over an image's"
        );
    }
}

#[test]
fn a_folder_of_others_is_left_alone() {
    let tree = tree("/srv/up", "");
    let foreign = Found {
        live: Some(1),
        folder: Some(2),
        coming: Some(3),
        previous: Some(4),
        ..Found::default()
    };

    let all = [
        tree.stage(&foreign),
        tree.swap(&foreign),
        tree.undo(&foreign),
        tree.finish(&foreign),
        tree.forget(&foreign),
        tree.unstage(&foreign),
        tree.settle(&foreign),
        tree.take_back(&foreign, "c:4:-"),
        tree.redo(&foreign, "c:4:-"),
    ];

    for acts in all {
        assert_eq!(acts.unwrap_err().exit, crate::problem::Exit::Refused);
    }
}
