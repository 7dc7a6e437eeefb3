use super::*;

const NOW: Millis = Millis(1_000);

fn delivery() -> Delivery {
    Delivery { sent_at: NOW, feedback_id: FeedbackId::new("9"), dm_id: None }
}

fn all_states() -> Vec<State> {
    vec![
        State::Scheduled,
        State::Sending { begun_at: NOW },
        State::Uncertain { begun_at: NOW, given_up_at: NOW },
        State::Sent(delivery()),
        State::Answered(delivery()),
        State::Suppressed(Reason::CannotDm),
        State::Cancelled(CancelledBy::Reopened),
        State::Expired,
        State::Failed(Failure { code: Some(44), message: "attachment".into() }),
    ]
}

#[test]
fn only_a_scheduled_survey_is_ever_begun() {
    for state in all_states() {
        let scheduled = state == State::Scheduled;
        assert_eq!(state.step(Event::Begun { at: NOW }).is_ok(), scheduled);
    }
}

#[test]
fn what_is_sending_is_never_called_off() {
    let sending = State::Sending { begun_at: NOW };
    assert!(sending.clone().step(Event::Cancelled(CancelledBy::Reopened)).is_err());
    assert!(sending.step(Event::TooLate).is_err());
}

#[test]
fn the_names_are_those_of_the_states() {
    let names: Vec<_> = all_states().iter().map(State::name).collect();
    assert_eq!(names, State::NAMES);
}

#[test]
fn a_lost_answer_leaves_the_survey_uncertain_until_x_tells() {
    let uncertain = State::Sending { begun_at: NOW }.step(Event::NoAnswer { at: NOW }).unwrap();
    assert_eq!(uncertain.name(), "uncertain");
    assert_eq!(uncertain.step(Event::Found(delivery())).unwrap().name(), "sent");
}

#[test]
fn a_prompt_that_turns_up_at_x_is_sent_whatever_was_believed() {
    for state in all_states() {
        let open = !matches!(state, State::Sending { .. } | State::Sent(_) | State::Answered(_));
        assert_eq!(state.step(Event::Found(delivery())).is_ok(), open);
    }
}

#[test]
fn a_request_given_up_early_is_given_up_when_its_worker_does() {
    let uncertain = State::Uncertain { begun_at: NOW, given_up_at: NOW };
    let later = Millis(NOW.0 + 5);
    let State::Uncertain { begun_at, given_up_at } =
        uncertain.step(Event::NoAnswer { at: later }).unwrap()
    else {
        panic!()
    };
    assert_eq!((begun_at, given_up_at), (NOW, later));
}

#[test]
fn a_refusal_reads_as_x_worded_it() {
    let failed = State::Scheduled
        .step(Event::Refused(Failure { code: Some(187), message: "Status is a duplicate".into() }))
        .unwrap();
    assert_eq!(failed.reason().unwrap(), "code 187: Status is a duplicate");
}

#[test]
fn a_request_is_not_given_up_before_it_was_begun() {
    let sending = State::Sending { begun_at: NOW };
    let before = Millis(NOW.0 - 5);
    let uncertain = State::Uncertain { begun_at: NOW, given_up_at: NOW };
    assert_eq!(sending.step(Event::NoAnswer { at: before }), Ok(uncertain));
}

#[test]
fn what_x_may_have_carried_out_is_never_scheduled_by_hand() {
    for state in all_states() {
        let ended = matches!(
            state,
            State::Suppressed(_) | State::Cancelled(_) | State::Expired | State::Failed(_)
        );
        assert_eq!(state.step(Event::Retried).is_ok(), ended);
    }
}
