//! One set of collections takes another's place, and back, wherever it is cut off.

use db_tasks::engine::milvus::{AutoIds, Mark, Milvus, Repaired, Role, Step};
use db_tasks::problem::Exit;

use super::{backup, connect, names, problem, quiet, seen};
use crate::support::milvus::{Database, server};
use crate::support::need;

/// Names, numbers, aliases and what is loaded, ours included.
fn look(milvus: &Milvus) -> Vec<String> {
    let all = milvus.survey().unwrap().into_iter();
    all.map(|c| {
        format!(
            "{} {} {:?} {:?} {:?}",
            c.name,
            c.id,
            c.aliases,
            c.load,
            c.mark.map(|mark| mark.role)
        )
    })
    .collect()
}

/// A live `shop` and `gone`, and a `shop` and `new` that are staged. Nothing is loaded, so that no
/// step takes long.
fn prepared(db: &Database) -> (Milvus, Vec<u8>) {
    db.python(r#"simple("shop", 5, load=False, alias="front"); simple("new", 0, load=False, alias="shelf")"#);
    let (file, _) = backup(db);

    db.python(
        r#"
c.insert("shop", [{"id": 77, "v": [1, 2, 3, 4]}])
c.drop_alias("shelf")
c.drop_collection("new")
simple("gone", 3, load=False, alias="shelf")
c.create_alias("gone", "new")
"#,
    );

    let mut milvus = connect(db);
    milvus.stage(&mut &file[..], AutoIds::Keep, &mut quiet).unwrap();

    (milvus, file)
}

#[test]
fn a_swap_and_an_undo_end_well_wherever_they_are_cut_off() {
    let db = need!("milvus", server()).database();
    let (mut milvus, _) = prepared(&db);
    milvus.can_swap().unwrap();

    let staged = look(&milvus);
    let swap = milvus.swap_steps(&seen(&milvus)).unwrap();
    assert!(swap.len() > 10, "{swap:#?}");

    let mut swapped = Vec::new();

    for cut in (0..=swap.len()).rev() {
        swap[..cut].iter().for_each(|step| milvus.take(step).unwrap());
        let repaired = milvus.repair().unwrap();
        assert_eq!(
            repaired,
            if cut == 0 || cut == swap.len() { Repaired::Nothing } else { Repaired::Done },
            "{cut}"
        );

        assert_eq!(milvus.repair().unwrap(), Repaired::Nothing);
        let now = look(&milvus);
        if swapped.is_empty() {
            swapped.clone_from(&now);
        }

        assert!(now == swapped || now == staged, "cut after {cut} of {swap:#?}\n{now:#?}");

        if now == swapped {
            let undo = milvus.undo_steps(&seen(&milvus)).unwrap();
            // each cut of the swap has one of the undo
            let at = cut * undo.len() / swap.len();
            undo[..at].iter().for_each(|step| milvus.take(step).unwrap());
            milvus.repair().unwrap();

            if look(&milvus) == swapped {
                milvus.undo(&seen(&milvus)).unwrap();
            }

            assert_eq!(
                db.python(
                    "print(sorted(c.query('shop', 'id >= 0', output_fields=['id'])) if 0 else \
                     aliases('gone'))"
                ),
                "['new', 'shelf']"
            );

            stage_again(&mut milvus);
        }

        assert_eq!(look(&milvus), staged, "after {cut}");
    }
}

/// What an undo has kept is staged once more, as it was.
fn stage_again(milvus: &mut Milvus) {
    for found in milvus.survey().unwrap() {
        let Some(Mark { role: Role::Previous, base, aliases, load }) = found.mark else { continue };
        let to = format!("{base}__staged");
        milvus.take(&Step::Rename { from: found.name, to: to.clone() }).unwrap();

        milvus
            .take(&Step::Mark {
                name: to,
                mark: Some(Mark { role: Role::Staged, base, aliases, load }),
            })
            .unwrap();
    }
}

#[test]
fn what_is_kept_is_brought_back_loaded_and_what_is_older_goes() {
    let db = need!("milvus", server()).database();
    db.python(r#"simple("shop", 5, alias="front")"#);

    let first = db.python("pictures()");
    let (file, _) = backup(&db);
    let mut milvus = connect(&db);

    milvus.stage(&mut &file[..], AutoIds::Keep, &mut quiet).unwrap();
    milvus.swap(&seen(&milvus)).unwrap();
    db.python("c.delete('shop', filter='id in [1]')");

    let second = db.python("pictures()");
    milvus.stage(&mut &file[..], AutoIds::Keep, &mut quiet).unwrap();

    let error = milvus.undo(&seen(&milvus)).unwrap_err();
    assert_eq!(problem(&error).tried, "a restore is under way in Milvus");
    milvus.swap(&seen(&milvus)).unwrap();
    assert_eq!(names(&milvus), ["shop", "shop__discard", "shop__previous"]);
    milvus.undo(&seen(&milvus)).unwrap();

    assert_eq!(db.python("pictures()"), second);
    milvus.undo(&seen(&milvus)).unwrap();
    assert_eq!(db.python("pictures()"), first);
    assert_eq!(milvus.forget().unwrap(), ["shop__previous"]);

    let error = milvus.undo(&seen(&milvus)).unwrap_err();
    assert_eq!(problem(&error).tried, "there is nothing to undo in Milvus");
}

#[test]
fn what_is_not_ours_is_never_dropped_nor_run_over() {
    let db = need!("milvus", server()).database();
    let (mut milvus, file) = prepared(&db);
    let mut expected = seen(&milvus);

    expected[0].1 += 1;
    let error = milvus.swap(&expected).unwrap_err();
    assert_eq!(problem(&error).exit, Exit::Refused);
    assert_eq!(milvus.unstage().unwrap(), ["new__staged", "shop__staged"]);

    db.python(r#"simple("shop__staged", 1, load=False, index=None); simple("new__previous", 1, load=False, index=None)"#);
    assert_eq!(
        milvus.unstage().unwrap().len()
            + milvus.forget().unwrap().len()
            + milvus.settle().unwrap().len(),
        0
    );

    let error = milvus.stage(&mut &file[..], AutoIds::Keep, &mut quiet).unwrap_err();
    assert_eq!(
        problem(&error).tried,
        "the name `shop__staged` is taken in Milvus by a collection that is not ours"
    );

    let step = Step::Drop { name: "shop__staged".into() };
    assert_eq!(
        problem(&milvus.take(&step).unwrap_err()).tried,
        "`shop__staged` does not have our mark"
    );
    assert_eq!(names(&milvus), ["gone", "new__previous", "shop", "shop__staged"]);
}

#[test]
fn a_damaged_backup_leaves_nothing_behind() {
    let db = need!("milvus", server()).database();
    db.python(r#"simple("shop", 50, load=False, index=None)"#);
    let (mut file, _) = backup(&db);
    file.pop();
    let mut milvus = connect(&db);
    let error = milvus.stage(&mut &file[..], AutoIds::Keep, &mut quiet).unwrap_err();
    assert_eq!(problem(&error).tried, "this backup of Milvus is damaged");
    assert_eq!(names(&milvus), ["shop"]);
}
