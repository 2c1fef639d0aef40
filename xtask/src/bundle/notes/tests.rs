use chrono::{DateTime, Utc};

use super::*;

const MANIFEST: &[u8] = include_bytes!("../../../../tests/data/manifests/format-1-minimal.json");

fn first() -> Notes {
    let text = str::from_utf8(MANIFEST).unwrap();
    Notes::first(&Manifest::parse(text).unwrap(), MANIFEST)
}

fn verification(how: &str, good: bool) -> Verification {
    Verification { when: DateTime::<Utc>::UNIX_EPOCH, how: how.into(), good }
}

fn untried(how: &str) -> Untried {
    Untried { when: DateTime::<Utc>::UNIX_EPOCH, how: how.into(), why: "no role".into() }
}

/// The folder, the manifest's path in it, and what lies beside that.
fn lying(notes: &[u8]) -> (tempfile::TempDir, Beside) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifest.json");
    fs::write(ending::notes(&manifest), notes).unwrap();
    let found = beside(&manifest, MANIFEST);
    (folder, found)
}

#[test]
fn what_was_noted_is_read_back() {
    let notes = first()
        .untried(untried("deep"))
        .verified(verification("quick", false))
        .verified(verification("quick", true));

    let Beside::Notes(found) = lying(notes.to_json().as_bytes()).1 else { panic!("not read") };
    assert_eq!(
        (found.verified.len(), found.untried.as_ref().map(|u| u.how.as_str())),
        (2, Some("deep"))
    );
    // the trial was made after all
    assert_eq!(found.verified(verification("deep", true)).untried, None);
}

/// Whatever becomes of one byte: the notes say what they said, or they are not used. A bad verdict
/// is never lost.
#[test]
fn damaged_notes_are_known() {
    let text = first().verified(verification("quick", false)).untried(untried("deep")).to_json();
    let Beside::Notes(wanted) = lying(text.as_bytes()).1 else { panic!("not read") };

    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            match lying(&bytes).1 {
                Beside::Notes(found) => assert_eq!(found, wanted, "byte {at}"),
                Beside::Unusable(_) => {}
                Beside::Nothing => panic!("byte {at}: it is there"),
            }
        }
    }

    // the last byte ends the line
    for cut in 0..text.len() - 1 {
        assert!(matches!(lying(&text.as_bytes()[..cut]).1, Beside::Unusable(_)), "cut at {cut}");
    }
}

#[test]
fn notes_of_another_backup_count_for_nothing() {
    let text = first().verified(verification("deep", true)).to_json();
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("app.manifest.json");
    assert_eq!(beside(&manifest, MANIFEST), Beside::Nothing);

    fs::write(ending::notes(&manifest), text).unwrap();
    assert!(matches!(beside(&manifest, MANIFEST), Beside::Notes(_)));
    assert_eq!(beside(&manifest, b"{}"), Beside::Unusable(Why::OfAnother));
}

/// A later version adds words, and another format is not ours to read.
#[test]
fn what_a_later_version_noted_is_kept() {
    let with = |change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&first().to_json()).unwrap();
        change(&mut value);
        value["digest"] = "".into();
        let notes = serde_json::from_value::<Notes>(value).unwrap();
        lying(notes.to_json().as_bytes()).1
    };

    let Beside::Notes(found) = with(|value| value["uploaded"] = "by me".into()) else {
        panic!("not read")
    };
    assert!(found.verified(verification("quick", true)).to_json().contains("\"by me\""));
    assert_eq!(with(|value| value["format"] = 3.into()), Beside::Unusable(Why::Newer(3)));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifest.json");
    let unusable = || matches!(beside(&manifest, MANIFEST), Beside::Unusable(Why::Damaged(_)));

    std::os::unix::fs::symlink("/dev/zero", ending::notes(&manifest)).unwrap();
    assert!(unusable());

    fs::remove_file(ending::notes(&manifest)).unwrap();
    fs::File::create(ending::notes(&manifest)).unwrap().set_len(MOST + 1).unwrap();
    assert!(unusable());
}

#[test]
fn a_pin_counts_to_the_end_of_its_last_day() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let pin = |until: Option<&str>| Pinned {
        since: at("2026-01-01T00:00:00Z"),
        until: until.map(|day| day.parse().unwrap()),
        doubt: None,
    };
    let until = pin(Some("2026-03-31"));
    assert!(until.holds(at("2026-03-31T23:59:59Z")));
    assert!(!until.holds(at("2026-04-01T00:00:00Z")));
    assert!(pin(None).holds(at("2126-04-01T00:00:00Z")));
}

/// An older version must not take the notes for those of a backup that may go.
#[test]
fn notes_with_a_pin_are_those_of_a_newer_version_to_an_older_one() {
    let since = "2026-01-01T00:00:00Z".parse().unwrap();
    let pinned = first().pinned(Some(Pinned { since, until: None, doubt: None }));
    let format =
        |notes: &Notes| serde_json::from_str::<Value>(&notes.to_json()).unwrap()["format"].clone();
    assert_eq!(format(&pinned), 2);
    assert_eq!(format(&pinned.clone().verified(verification("quick", true))), 2);
    assert_eq!(format(&pinned.pinned(None)), 1);
}

/// A job that finds nothing new each hour must not fill them.
#[test]
fn that_nothing_has_changed_is_noted_once() {
    let all = ["quick", "unchanged", "unchanged", "deep", "unchanged"];
    let notes = all.iter().fold(first(), |notes, how| notes.verified(verification(how, true)));
    let hows: Vec<&str> = notes.verified.iter().map(|seen| seen.how.as_str()).collect();
    assert_eq!(hows, ["quick", "deep", "unchanged"]);
}
