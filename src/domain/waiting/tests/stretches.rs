use super::*;

fn told(stretches: &mut Stretches, facts: &Facts) -> (Vec<Cause>, Vec<Over>) {
    let obstacles = obstacles(facts);
    let (begun, over) = stretches.look(facts, &obstacles);
    (begun.iter().map(|obstacle| obstacle.cause).collect(), over)
}

#[test]
fn a_backlog_of_ten_hours_is_one_line_at_its_beginning_and_one_at_its_end() {
    let mut stretches = Stretches::default();
    let mut lines = Vec::new();
    let windows = 40;
    for minute in 0..windows * 15 {
        let now = later(minute);
        let is_spent = minute % 15 > 0;
        let free_at = is_spent.then(|| later(minute - minute % 15 + 15));
        let look_ups = CallsLeft { left: 0, allowed: 180, free_at };
        let due = u64::from((windows - minute / 15) * 180);
        let latest_at =
            Some(later((minute - minute % 15).saturating_sub(u32::from(!is_spent) * 15)));
        let day = DayOfPrompts { latest_at, ..DayOfPrompts::default() };
        let (begun, over) = told(&mut stretches, &Facts { now, due, look_ups, day, ..facts() });
        lines.extend(begun.into_iter().map(|cause| (minute, cause)));
        assert_eq!(over, [], "{minute}");
    }
    assert_eq!(lines, [(1, Cause::LookUpLimit)]);
    assert!(stretches.is_told(Cause::LookUpLimit));
    let end = Facts { now: later(600), due: 0, oldest_due: None, ..facts() };
    let (begun, over) = told(&mut stretches, &end);
    let over_now = Over { cause: Cause::LookUpLimit, lasted: 599 * MINUTE, surveys_most: 40 * 180 };
    assert_eq!((begun, over), (vec![], vec![over_now]));
    assert!(stretches.is_empty());
}

#[test]
fn a_wait_shorter_than_a_minute_is_not_told() {
    let mut stretches = Stretches::default();
    let soon = CallsLeft { left: 0, allowed: 180, free_at: Some(NOW.plus(MINUTE / 2)) };
    let waits = Facts { look_ups: soon, ..facts() };
    assert_eq!(told(&mut stretches, &waits), (vec![], vec![]));
    assert_eq!(stretches.next_look(NOW), Some(later(1)));
    let sent = Facts { now: NOW.plus(MINUTE / 2), due: 0, oldest_due: None, ..facts() };
    assert_eq!(told(&mut stretches, &sent), (vec![], vec![]));
    assert_eq!(stretches.next_look(NOW), None);
}

#[test]
fn a_wait_without_a_known_end_is_told_once_it_has_lasted_a_minute() {
    let mut stretches = Stretches::default();
    let at = |minutes: u32| Facts { now: later(minutes), tried: 1, ..facts() };
    assert_eq!(told(&mut stretches, &at(0)), (vec![], vec![]));
    assert_eq!(told(&mut stretches, &at(1)), (vec![Cause::XAway], vec![]));
    assert_eq!(told(&mut stretches, &at(2)), (vec![], vec![]));
    // X answers again, and the backlog goes out: over once it has been away for five minutes.
    let free = |minutes: u32| Facts { now: later(minutes), ..facts() };
    assert_eq!(told(&mut stretches, &free(3)), (vec![], vec![]));
    let (_, over) = told(&mut stretches, &free(8));
    assert_eq!(over.iter().map(|over| over.cause).collect::<Vec<_>>(), [Cause::XAway]);
}

#[test]
fn a_clock_that_was_set_back_ends_a_stretch_and_lets_the_next_be_told() {
    let mut stretches = Stretches::default();
    let waits = |now: Millis| Facts {
        now,
        oldest_due: Some(now.minus(5 * MINUTE)),
        look_ups: CallsLeft { left: 0, allowed: 180, free_at: Some(now.plus(15 * MINUTE)) },
        ..facts()
    };
    assert_eq!(told(&mut stretches, &waits(later(600))).0, [Cause::LookUpLimit]);
    assert_eq!(told(&mut stretches, &waits(NOW)), (vec![], vec![]), "it goes on");
    let free = Facts { now: NOW.minus(MINUTE), ..facts() };
    assert_eq!(told(&mut stretches, &free).1.len(), 1);
}
