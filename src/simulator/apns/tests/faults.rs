//! What goes wrong because a test asked for it.

use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::{
    Fault, FaultAnswer, FaultGoAway, FaultHold, FaultReset, FaultStall,
};
use crate::simulator::Simulator;
use crate::simulator::sender::{PATIENCE, World, read, start_token};

fn fault(action: Action) -> Fault {
    Fault { action: Some(action), ..Fault::default() }
}

fn unavailable() -> Action {
    let reason = "ServiceUnavailable".into();
    Action::Answer(FaultAnswer { status: 503, reason, retry_after: 7, ..Default::default() })
}

#[tokio::test]
async fn a_fault_meets_the_pushes_that_it_names_and_no_more() {
    let world = World::new().await;
    let (named, other) = (world.phone("18.2"), world.phone("18.2"));
    let mut sender = world.sandbox().await;
    let id = world.simulator.set_fault(Fault {
        phone_id: named.id(),
        event: "start".into(),
        skip: 1,
        count: 2,
        ..fault(unavailable())
    });
    let mut statuses = Vec::new();
    for _ in 0..4 {
        assert_eq!(
            sender.send(&world.post(&start_token(&other), &world.start())).await.status,
            200
        );
        let answer = sender.send(&world.post(&start_token(&named), &world.start())).await;
        statuses.push(answer.status);
        if answer.status == 503 {
            assert_eq!(answer.headers["retry-after"], "7");
        }
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    assert_eq!(named.snapshot().cards.len(), 2, "what was refused was not taken");
    assert_eq!(world.simulator.fault(id.unwrap()).unwrap().hits, 2);
    assert_eq!(world.pushes().iter().filter(|push| push.fault_id == id.unwrap()).count(), 2);
}

#[tokio::test]
async fn a_refusal_may_come_after_the_phone_took_the_push() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    world.simulator.set_fault(Fault { take: true, ..fault(unavailable()) });
    let answer = sender.send(&world.post(&start_token(&phone), &world.start())).await;
    assert_eq!(answer.status, 503);
    assert_eq!(phone.snapshot().cards.len(), 1);
}

#[tokio::test]
async fn a_410_by_fault_has_its_time() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let since = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5_000_000 });
    let answer =
        FaultAnswer { status: 410, reason: "Unregistered".into(), since, ..Default::default() };
    world.simulator.set_fault(fault(Action::Answer(answer)));
    let mut sender = world.sandbox().await;
    let answer = sender.send(&world.post(&start_token(&phone), &world.start())).await;
    assert_eq!(answer.json()["timestamp"], 1_700_000_000_005_i64);
}

#[tokio::test]
async fn a_held_push_is_answered_when_it_is_released() {
    for take in [true, false] {
        let world = World::new().await;
        let phone = world.phone("18.2");
        let mut sender = world.sandbox().await;
        let hold = Fault { take, ..fault(Action::Hold(FaultHold {})) };
        let id = world.simulator.set_fault(hold).unwrap();
        let post = world.post(&start_token(&phone), &world.start());
        let (answer, _stream) = sender.begin(&post).await.unwrap();
        assert!(world.simulator.wait_for(PATIENCE, |s| holding(s, id) == 1).await);
        assert_eq!(phone.snapshot().cards.len(), usize::from(take));
        assert_eq!(world.pushes()[0].status, 0);
        world.simulator.release_fault(Some(id));
        assert_eq!(read(answer).await.unwrap().status, 200);
        assert_eq!(phone.snapshot().cards.len(), 1, "once");
        assert_eq!(holding(&world.simulator, id), 0);
    }
}

#[tokio::test]
async fn a_held_push_that_was_not_taken_is_lost_with_its_connection() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let id = world.simulator.set_fault(fault(Action::Hold(FaultHold {}))).unwrap();
    let post = world.post(&start_token(&phone), &world.start());
    let begun = sender.begin(&post).await.unwrap();
    assert!(world.simulator.wait_for(PATIENCE, |s| holding(s, id) == 1).await);
    sender.connection.abort();
    drop(begun);
    assert!(world.simulator.wait_for(PATIENCE, |s| holding(s, id) == 0).await);
    world.simulator.release_fault(Some(id));
    assert!(phone.snapshot().cards.is_empty());
}

fn holding(simulator: &Simulator, id: i64) -> i64 {
    simulator.fault(id).unwrap().holding
}

#[tokio::test]
async fn a_stalled_push_holds_nobody_else_up() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let post = world.post(&start_token(&phone), &world.start());
    assert_eq!(sender.send(&post).await.status, 200);
    let stall = Fault { count: 1, take: true, ..fault(Action::Stall(FaultStall {})) };
    world.simulator.set_fault(stall);
    let (mut stalled, _stream) = sender.begin(&post).await.unwrap();
    assert_eq!(sender.send(&post).await.status, 200);
    assert_eq!(phone.snapshot().cards.len(), 3);
    let answer = std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut stalled).poll(context).is_ready())
    });
    assert!(!answer.await, "there is no answer");
}

#[tokio::test]
async fn a_stream_is_reset_with_the_code_that_was_asked_for() {
    for take in [true, false] {
        let world = World::new().await;
        let phone = world.phone("18.2");
        let mut sender = world.sandbox().await;
        let reset = Action::Reset(FaultReset { code: 7 });
        world.simulator.set_fault(Fault { take, count: 1, ..fault(reset) });
        let post = world.post(&start_token(&phone), &world.start());
        let error = sender.try_send(&post).await.unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM));
        assert_eq!(phone.snapshot().cards.len(), usize::from(take));
        assert_eq!(sender.send(&post).await.status, 200, "the connection lives on");
    }
}

#[tokio::test]
async fn a_go_away_carries_apples_json() {
    for take in [true, false] {
        let world = World::new().await;
        let phone = world.phone("18.2");
        let mut sender = world.sandbox().await;
        let go_away = Action::GoAway(FaultGoAway { reason: "Shutdown".into() });
        world.simulator.set_fault(Fault { take, count: 1, ..fault(go_away) });
        let post = world.post(&start_token(&phone), &world.start());
        let error = sender.try_send(&post).await.unwrap_err();
        // A stream above the last one that was looked at is told why; one below only loses its connection.
        if !take {
            assert!(error.is_go_away(), "{error:?}");
            assert!(format!("{error:?}").contains(r#"{\"reason\":\"Shutdown\"}"#), "{error:?}");
        }
        assert_eq!(phone.snapshot().cards.len(), usize::from(take));
        assert_eq!(world.sandbox().await.send(&post).await.status, 200, "a new one is fine");
    }
}

#[tokio::test]
async fn apns_may_say_200_and_lose_the_push() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let lie = Action::Answer(FaultAnswer { status: 200, ..Default::default() });
    world.simulator.set_fault(fault(lie));
    let post = world.post(&start_token(&phone), &world.start());
    let answer = world.sandbox().await.send(&post).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert!(phone.snapshot().cards.is_empty() && !world.pushes()[0].taken);
}
