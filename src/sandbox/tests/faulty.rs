//! Faults on order: what the client sees, and what was done nevertheless.

use std::time::Duration;

use super::*;
use crate::sandbox::api_call::ApiCall;
use crate::sandbox::faults::{Ending, FaultOrder, InjectedFault, Scripted};

#[test]
fn a_call_that_is_cut_before_costs_nothing_and_leaves_nothing() {
    let mut stage = Stage::quiet();
    stage.world.fault(ApiCall::Create, 2, InjectedFault::cut_before());
    for _ in 0..2 {
        assert_eq!(stage.outcome("POST", CREATE, &fields("5", &[])), CallOutcome::Cut);
    }
    assert_eq!(stage.world.prompts().len(), 0);
    let reply = stage.prompt(5, &[]);
    assert_eq!(reply.header("x-rate-limit-remaining"), Some("999"));
}

#[test]
fn a_call_that_is_cut_after_was_carried_out() {
    let mut stage = Stage::quiet();
    stage.world.fault(ApiCall::Create, 1, InjectedFault::cut_after());
    assert_eq!(stage.outcome("POST", CREATE, &fields("5", &[])), CallOutcome::Cut);
    assert_eq!(stage.world.prompts_to(5).count(), 1);
    assert_eq!(refused(&stage.prompt(5, &[])), (429, 88));
}

#[test]
fn an_answer_on_order_is_given_word_for_word_with_the_time_and_without_limits() {
    let mut stage = Stage::quiet();
    let page = Scripted::html(503, "<html>over capacity</html>").with_header("Retry-After", "3");
    stage.world.fault(ApiCall::Create, 1, InjectedFault::done_but(page));
    let reply = stage.prompt(5, &[]);
    assert_eq!((reply.status, reply.body.as_str()), (503, "<html>over capacity</html>"));
    assert_eq!(reply.content_type, "text/html; charset=utf-8");
    assert_eq!(reply.header("retry-after"), Some("3"));
    assert_eq!(reply.header("date"), Some("Mon, 21 Sep 2026 14:13:20 GMT"));
    assert_eq!(reply.header("x-rate-limit-limit"), None);
    assert_eq!(stage.world.prompts().len(), 1);
}

#[test]
fn a_refusal_on_order_is_not_recorded_as_one_of_xs() {
    let mut stage = Stage::quiet();
    stage.world.fault(
        ApiCall::Create,
        1,
        InjectedFault::instead(Scripted::error(403, 326, "locked")),
    );
    assert_eq!(refused(&stage.prompt(5, &[])), (403, 326));
    assert_eq!((stage.world.prompts().len(), stage.world.refused().len()), (0, 0));
}

#[test]
fn a_call_may_be_carried_out_long_after_its_client_was_cut_off() {
    let mut stage = Stage::quiet();
    stage.world.fault(ApiCall::Create, 1, InjectedFault::done_later(Duration::from_secs(30)));
    assert_eq!(stage.outcome("POST", CREATE, &fields("5", &[])), CallOutcome::Cut);
    let due_at = Millis(START.0 + 30_000);
    assert_eq!(stage.world.next_due_at(), Some(due_at));
    stage.world.advance(Millis(due_at.0 - 1));
    assert_eq!(stage.world.prompts().len(), 0);
    stage.world.advance(Millis(due_at.0 + 60_000));
    assert_eq!(stage.world.prompts()[0].carried_out_at, due_at);
}

#[test]
fn a_slow_call_is_carried_out_at_once_and_a_silent_one_as_ordered() {
    let mut stage = Stage::quiet();
    stage.world.fault(ApiCall::Create, 1, InjectedFault::slow(Duration::from_secs(2)));
    match stage.outcome("POST", CREATE, &fields("5", &[])) {
        CallOutcome::Answer { reply, held_back } => {
            assert_eq!((reply.status, held_back), (200, Duration::from_secs(2)));
        }
        other => panic!("{other:?}"),
    }
    stage.world.fault(ApiCall::Create, 1, InjectedFault::NotCarriedOut { ending: Ending::Silence });
    assert_eq!(stage.outcome("POST", CREATE, &fields("6", &[])), CallOutcome::Silence);
    assert_eq!(stage.world.prompts().len(), 1);
}

#[test]
fn a_fault_waits_for_its_account_and_for_a_true_signature_and_can_be_taken_back() {
    let mut stage = Stage::quiet();
    let fault = InjectedFault::cut_before();
    stage.world.order(FaultOrder {
        call: ApiCall::Create,
        user_id: Some(99),
        times: 1,
        fault: fault.clone(),
    });
    assert_eq!(stage.prompt(5, &[]).status, 200);
    stage.world.order(FaultOrder { call: ApiCall::Create, user_id: None, times: 1, fault });
    let mut forged = stage.signed("POST", CREATE, &fields("6", &[]));
    forged.body.extend(b"&x=1");
    assert_eq!(refused(&answered(stage.world.take(&forged, stage.now))), (401, 32));
    assert_eq!(stage.world.faults_left(), 2);
    stage.world.clear_faults();
    assert_eq!(stage.prompt(6, &[]).status, 200);
}
