//! What can be made to go wrong.

use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::{
    Fault, FaultAnswer, FaultCut, FaultGoAway, FaultHold, FaultReset, FaultService, FaultStall,
};
use crate::simulator::message_sender::{World, message};
use crate::simulator::sender::PATIENCE;
use serde_json::json;
use std::time::Duration;

fn fault(action: Action) -> Fault {
    Fault { action: Some(action), service: FaultService::Fcm.into(), ..Fault::default() }
}

fn answer(status: i32, reason: &str) -> FaultAnswer {
    FaultAnswer { status, reason: reason.to_owned(), ..FaultAnswer::default() }
}

#[tokio::test]
async fn a_fault_meets_the_messages_that_fit_it_and_no_others() {
    let world = World::new().await;
    let (token, other) = (world.token(), world.token());
    let id = world.simulator.set_fault(Fault {
        token: token.clone(),
        event: "update".into(),
        skip: 1,
        count: 2,
        ..fault(Action::Answer(answer(503, "UNAVAILABLE")))
    });
    let mut end = message(&token);
    end["message"]["data"]["tidings_event"] = json!("end");
    assert_eq!(world.send(&end).await.status, 200);
    assert_eq!(world.send(&message(&other)).await.status, 200);
    for status in [200, 503, 503, 200] {
        assert_eq!(world.send(&message(&token)).await.status, status);
    }
    let sends = world.sends();
    let met: Vec<_> = sends.iter().filter(|send| send.fault_id == id.unwrap()).collect();
    assert_eq!((met.len(), met[0].taken, met[0].reason.as_str()), (2, false, "UNAVAILABLE"));
}

#[tokio::test]
async fn every_code_comes_with_its_status_and_retry_after_in_each_form() {
    let world = World::new().await;
    let body = message(&world.token());
    for (code, status, word) in [
        ("INVALID_ARGUMENT", 400, "INVALID_ARGUMENT"),
        ("THIRD_PARTY_AUTH_ERROR", 401, "UNAUTHENTICATED"),
        ("SENDER_ID_MISMATCH", 403, "PERMISSION_DENIED"),
        ("UNREGISTERED", 404, "NOT_FOUND"),
        ("QUOTA_EXCEEDED", 429, "RESOURCE_EXHAUSTED"),
        ("INTERNAL", 500, "INTERNAL"),
        ("UNAVAILABLE", 503, "UNAVAILABLE"),
        ("", 404, "NOT_FOUND"),
        ("", 403, "PERMISSION_DENIED"),
    ] {
        let once = fault(Action::Answer(answer(status, code)));
        world.simulator.set_fault(Fault { count: 1, ..once });
        let answer = world.send(&body).await;
        assert_eq!((i32::from(answer.status), answer.code().as_str()), (status, code));
        assert_eq!(answer.json()["error"]["status"], word);
        assert!(!answer.headers.contains_key("retry-after"));
    }
    let at = prost_types::Timestamp { seconds: 784_111_777, nanos: 0 };
    for (answer, header) in [
        (FaultAnswer { retry_after: 7, ..answer(503, "UNAVAILABLE") }, "7"),
        (
            FaultAnswer { retry_after_time: Some(at), ..answer(429, "QUOTA_EXCEEDED") },
            "Sun, 06 Nov 1994 08:49:37 GMT",
        ),
    ] {
        world.simulator.set_fault(Fault { count: 1, ..fault(Action::Answer(answer)) });
        assert_eq!(world.send(&body).await.headers["retry-after"], header);
    }
}

#[tokio::test]
async fn an_answer_may_be_html_or_empty() {
    let world = World::new().await;
    let body = message(&world.token());
    let html = FaultAnswer {
        body: Some("<html>Bad Gateway</html>".into()),
        content_type: "text/html; charset=UTF-8".into(),
        ..answer(502, "")
    };
    world.simulator.set_fault(Fault { count: 1, ..fault(Action::Answer(html)) });
    let got = world.send(&body).await;
    assert_eq!((got.status, got.text.as_str()), (502, "<html>Bad Gateway</html>"));
    assert_eq!(got.headers["content-type"], "text/html; charset=UTF-8");
    for status in [200, 500] {
        let empty = FaultAnswer { body: Some(String::new()), ..answer(status, "") };
        world.simulator.set_fault(Fault { count: 1, ..fault(Action::Answer(empty)) });
        let got = world.send(&body).await;
        assert_eq!((i32::from(got.status), got.text.len()), (status, 0));
    }
}

#[tokio::test]
async fn fcm_may_say_200_and_lose_the_message_or_fail_and_take_it() {
    let world = World::new().await;
    let body = message(&world.token());
    world.simulator.set_fault(Fault { count: 1, ..fault(Action::Answer(answer(200, ""))) });
    let lie = world.send(&body).await;
    assert!(lie.status == 200 && lie.json()["name"].is_string());
    let failing = fault(Action::Answer(answer(500, "INTERNAL")));
    world.simulator.set_fault(Fault { count: 1, take: true, ..failing });
    assert_eq!(world.send(&body).await.status, 500);
    let taken: Vec<bool> = world.sends().iter().map(|send| send.taken).collect();
    assert_eq!(taken, [false, true]);
}

#[tokio::test]
async fn a_held_message_is_answered_when_it_is_released() {
    let world = World::new().await;
    let body = message(&world.token());
    let id = world.simulator.set_fault(fault(Action::Hold(FaultHold {}))).unwrap();
    let (sent, ()) = tokio::join!(world.send(&body), async {
        let held = |simulator: &crate::simulator::Simulator| {
            simulator.fault(id).is_some_and(|fault| fault.holding == 1)
        };
        assert!(world.simulator.wait_for(PATIENCE, held).await);
        assert_eq!((world.sends()[0].status, world.sends()[0].taken), (0, false));
        world.simulator.release_fault(Some(id));
    });
    assert_eq!((sent.status, world.sends()[0].taken), (200, true));
    assert_eq!(world.simulator.fault(id).unwrap().holding, 0);
}

#[tokio::test]
async fn a_message_that_nobody_waits_for_any_more_is_not_held() {
    let world = World::new().await;
    let id = world.simulator.set_fault(fault(Action::Hold(FaultHold {}))).unwrap();
    let holding = |count: i64| {
        move |simulator: &crate::simulator::Simulator| {
            simulator.fault(id).is_some_and(|fault| fault.hits == 1 && fault.holding == count)
        }
    };
    let body = message(&world.token());
    tokio::select! {
        _ = world.send(&body) => panic!("it is held"),
        held = world.simulator.wait_for(PATIENCE, holding(1)) => assert!(held),
    }
    assert!(world.simulator.wait_for(PATIENCE, holding(0)).await);
}

#[tokio::test]
async fn a_stream_is_reset_or_a_connection_is_cut() {
    let world = World::new().await;
    let body = message(&world.token());
    for action in [
        Action::Reset(FaultReset { code: 2 }),
        Action::Cut(FaultCut { half_answered: false }),
        Action::Cut(FaultCut { half_answered: true }),
    ] {
        for take in [true, false] {
            let fault = Fault { take, count: 1, ..fault(action.clone()) };
            let id = world.simulator.set_fault(fault).unwrap();
            let sent = world.try_send(&body).await;
            assert!(sent.is_err(), "{action:?} {take}: {sent:?}");
            let sends = world.sends();
            let met = sends.iter().find(|send| send.fault_id == id).unwrap();
            let half = matches!(action, Action::Cut(FaultCut { half_answered: true }));
            assert_eq!(met.taken, take || half);
            assert_eq!(world.send(&body).await.status, 200, "a new one is fine");
        }
    }
}

#[tokio::test]
async fn a_connection_that_goes_away_answers_what_is_under_way() {
    let world = World::new().await;
    let body = message(&world.token());
    let go_away = fault(Action::GoAway(FaultGoAway::default()));
    world.simulator.set_fault(Fault { count: 1, ..go_away });
    for _ in 0..2 {
        assert_eq!(world.send(&body).await.status, 200);
    }
    let connections: Vec<i64> = world.sends().iter().map(|send| send.connection).collect();
    assert_ne!(connections[0], connections[1]);
}

#[tokio::test]
async fn a_stalled_message_holds_nobody_else_up() {
    let world = World::new().await;
    let body = message(&world.token());
    world.simulator.set_fault(Fault { count: 1, ..fault(Action::Stall(FaultStall {})) });
    tokio::select! {
        _ = world.send(&body) => panic!("there is no answer"),
        () = async {
            assert!(world.simulator.wait_for(PATIENCE, |s| s.fcm_sends_received() == 1).await);
            assert_eq!(world.send(&body).await.status, 200);
        } => {}
    }
}

#[tokio::test]
async fn access_tokens_fail_hang_and_live_short() {
    let mut world = World::new().await;
    let access = |action: Action| Fault {
        service: FaultService::AccessTokens.into(),
        count: 1,
        ..fault(action)
    };
    let body = message(&world.token());
    let jwt = world.jwt(world.simulator.service_account_json()).sign();
    world.simulator.set_fault(access(Action::Answer(answer(400, "invalid_grant"))));
    let denied = world.ask(&jwt).await;
    assert_eq!((denied.status, &denied.json()["error"]), (400, &json!("invalid_grant")));
    world.simulator.set_fault(access(Action::Answer(answer(500, "internal_failure"))));
    assert_eq!(world.ask(&jwt).await.status, 500);

    let id = world.simulator.set_fault(access(Action::Hold(FaultHold {}))).unwrap();
    let (held, ()) = tokio::join!(world.ask(&jwt), async {
        let held = |simulator: &crate::simulator::Simulator| {
            simulator.fault(id).is_some_and(|fault| fault.holding == 1)
        };
        assert!(world.simulator.wait_for(PATIENCE, held).await);
        assert_eq!(world.send(&body).await.status, 200, "messages need no new one");
        world.simulator.release_fault(Some(id));
    });
    assert_eq!(held.status, 200);

    let short = FaultAnswer { expires_in: 10, ..answer(200, "") };
    world.simulator.set_fault(access(Action::Answer(short)));
    let given = world.ask(&jwt).await.json();
    assert_eq!(given["expires_in"], 10);
    given["access_token"].as_str().unwrap().clone_into(&mut world.access_token);
    assert_eq!(world.send(&body).await.status, 200);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(world.send(&body).await.status, 401);
}
