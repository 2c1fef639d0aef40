use super::*;

fn held(mark: Option<Role>, base: &str, aliases: &[&str], load: Load) -> Held {
    let aliases: Vec<String> = aliases.iter().map(ToString::to_string).collect();
    let mark = mark.map(|role| Mark {
        role,
        base: base.into(),
        aliases: aliases.clone(),
        load: load.clone(),
    });

    // only what is live or staged has its aliases and its memory already
    match &mark {
        None => Held { aliases, load, mark },
        Some(m) if m.role == Role::Staged => Held { aliases: vec![], load, mark },
        Some(_) => Held { aliases: vec![], load: Load::Not, mark },
    }
}

/// Every combination of what may be there of two names, the aliases of each the other's name or
/// one that moves.
fn states() -> Vec<State> {
    let mut out = Vec::new();

    for bits in 0..256u32 {
        let mut state = State::new();

        for (at, base) in ["a", "b"].into_iter().enumerate() {
            let has = |bit: usize| bits >> (at * 4 + bit) & 1 == 1;
            let load = || if at == 0 { Load::Whole } else { Load::Not };
            let mut put = |slot: Slot, mark, aliases: &[&str]| {
                state.insert(slot.name(base), held(mark, base, aliases, load()));
            };

            if has(0) {
                put(Slot::Live, None, &[["x", "old"], ["y", "older"]][at]);
            }
            if has(1) {
                put(Slot::Staged, Some(Role::Staged), &[["y", "new"], ["x", "newer"]][at]);
            }
            if has(2) {
                put(Slot::Previous, Some(Role::Previous), &[["was"], ["x"]][at]);
            }

            if has(3) {
                put(Slot::Discard, Some(Role::Discard), &[]);
            }
        }

        out.push(state);
    }

    out
}

fn run(state: &State, steps: &[Step]) -> State {
    let mut now = state.clone();
    steps.iter().for_each(|step| apply(&mut now, step));
    now.values_mut().for_each(|held| held.aliases.sort());
    now
}

fn live(state: &State) -> BTreeMap<String, (Vec<String>, Load)> {
    let unmarked = state.iter().filter(|(_, held)| held.mark.is_none());
    unmarked.map(|(name, held)| (name.clone(), (held.aliases.clone(), held.load.clone()))).collect()
}

fn of_role(state: &State, role: Role) -> BTreeMap<String, (Vec<String>, Load)> {
    let marks =
        state.values().filter_map(|held| held.mark.as_ref()).filter(|mark| mark.role == role);
    let sorted = |mark: &Mark| {
        let mut aliases = mark.aliases.clone();
        aliases.sort();
        (mark.base.clone(), (aliases, mark.load.clone()))
    };
    marks.map(sorted).collect()
}

/// Cut off after any step, it is finished or taken back; and no step runs over a collection.
fn ends_well(start: &State, from: From) -> State {
    let steps = whole(start, from);
    assert_eq!(conflict(start, &steps), None, "{start:?}");

    let end = run(start, &steps);
    assert!(!under_way(&end), "{start:?}: {end:?}");

    // what nobody can want back goes first, whatever comes after
    let kept = run(start, &discard(start));

    for cut in 0..=steps.len() {
        let middle = run(start, &steps[..cut]);
        let rest = finish(&middle);
        let repaired = run(&middle, &rest);
        let fine = repaired == end || run(&repaired, &discard(&repaired)) == kept;
        assert!(fine, "cut after {cut} of {steps:#?}\nfrom {start:#?}\nto {repaired:#?}");
        assert!(!under_way(&repaired) && finish(&repaired).is_empty());
    }

    end
}

#[test]
fn a_swap_ends_well_from_wherever_it_was_cut_off() {
    for start in states() {
        let end = ends_well(&start, From::Staged);
        assert_eq!(live(&end), of_role(&start, Role::Staged), "{start:?}");
        assert_eq!(of_role(&end, Role::Previous), live(&run(&start, &[])), "{start:?}");
        assert!(
            end.values().all(
                |held| held.mark.is_none() || held.load == Load::Not && held.aliases.is_empty()
            )
        );
    }
}

#[test]
fn a_swap_that_is_taken_back_leaves_what_was_live_and_what_was_kept() {
    for start in states() {
        let start = run(&start, &discard(&start));
        let swapped = run(&start, &whole(&start, From::Staged));
        let back = run(&swapped, &whole(&swapped, From::Back));
        let end = run(&back, &kept_before(&back));
        assert_eq!(live(&end), live(&start), "{start:?}");
        assert_eq!(of_role(&end, Role::Previous), of_role(&start, Role::Previous), "{start:?}");
        assert!(of_role(&end, Role::Discard).is_empty() && !under_way(&end));
    }
}

#[test]
fn an_undo_brings_everything_back_and_can_be_undone() {
    for start in states().into_iter().filter(|state| of_role(state, Role::Staged).is_empty()) {
        let undone = ends_well(&start, From::Previous);
        assert_eq!(live(&undone), of_role(&start, Role::Previous), "{start:?}");
        let again = ends_well(&undone, From::Previous);
        assert_eq!(live(&again), live(&run(&start, &[])), "{start:?}");
        assert_eq!(again, run(&start, &discard(&start)));
    }
}

#[test]
fn a_name_that_somebody_else_has_is_found_before_anything_moves() {
    let other =
        |name: &str, aliases: &[&str]| (name.to_owned(), held(None, "", aliases, Load::Not));
    let staged = ("a__staged".to_owned(), held(Some(Role::Staged), "a", &[], Load::Not));
    let swap = |others: Vec<(String, Held)>| {
        let state: State = others.into_iter().chain([staged.clone()]).collect();
        conflict(&state, &whole(&state, From::Staged))
    };

    assert_eq!(swap(vec![other("a", &[])]), None);
    assert_eq!(swap(vec![other("a", &["a__previous"])]), Some("a__previous".into()));
    // all that is live gives way, so a live collection of such a name is no obstacle
    assert_eq!(swap(vec![other("a", &[]), other("a__previous", &[])]), None);
    assert_eq!(swap(vec![other("b", &["a"])]), None);
}

#[test]
fn a_collection_that_somebody_renamed_is_left_alone() {
    let state: State = [("mine".to_owned(), held(Some(Role::Discard), "a", &[], Load::Not))].into();
    assert_eq!(discard(&state), []);
    assert_eq!(whole(&state, From::Staged), []);
}
