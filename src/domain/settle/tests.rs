//! What a 410 means where the token it is about is not the whole story.

use super::*;
use crate::domain::ids::{
    ActivityKey, AppId, DeviceKey, ShardId, SubscriptionId, TokenId, WorkspaceId,
};
use crate::domain::push::Environment;
use crate::domain::shard::{Place, Route};
use crate::domain::subscription::{Card, Exception};
use crate::domain::token::TokenKind;
use crate::secrets::Sealed;

const NOW: Time = Time(1_800_000_000_000);

fn shard() -> Shard {
    Shard {
        id: ShardId::generate(),
        workspace: WorkspaceId::generate(),
        place: Place {
            activity: ActivityKey::generate(),
            run: 1,
            app: AppId::generate(),
            environment: Environment::Production,
            route: Route::ApnsToken,
        },
        members: 1,
        wanted: 1,
        delivered: 1,
        last_stamp: 0,
        due_at: None,
    }
}

fn subscription(shard: &Shard, state: State) -> Subscription {
    Subscription {
        id: SubscriptionId::generate(),
        workspace: shard.workspace,
        place: shard.place,
        shard: shard.id,
        device: DeviceKey::generate(),
        contact_key: String::new(),
        state,
        reason: None,
        cause: Cause::Caller,
        version: 1,
        starts_begun: 1,
        start_doubt_until: None,
        card: Card::default(),
        second: None,
        closed_card: None,
        exception: Some(Exception::default()),
        targeted: 0,
        alerted: 0,
        closing: false,
        report: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn token(subscription: &Subscription, kind: TokenKind) -> Token {
    Token {
        id: TokenId::generate(),
        workspace: subscription.workspace,
        device: subscription.device,
        app: subscription.place.app,
        kind,
        environment: Environment::Production,
        fingerprint: [0; 32],
        sealed: Sealed { key_id: "first".to_owned(), bytes: vec![0] },
        activity_type: String::new(),
        subscription: None,
        token_time: NOW,
        registered_at: NOW,
        doubted_at: None,
        invalid: None,
    }
}

fn sent(subscription: &Subscription, kind: Kind, token: &Token) -> Sent {
    let plan = Plan {
        subscription: subscription.id,
        kind,
        revision: 1,
        alert: 0,
        token: Some(token.id),
        version: subscription.version,
        delivered: 0,
        last_stamp: 0,
        attempt: 1,
    };
    Sent::new(plan, NOW)
}

fn gone(dead_since: Time) -> Outcome {
    Outcome::Rejected(Rejection {
        status: 410,
        reason: "Unregistered".to_owned(),
        class: Class::Token,
        dead_since: Some(dead_since),
        retry_after: None,
    })
}

#[test]
fn an_old_410_does_not_forget_the_second_card() {
    let shard = shard();
    let mut row = subscription(&shard, State::Active);
    let second = token(&row, TokenKind::Update);
    row.second = Some(Card { token: Some(second.id), device_activity_id: Some("B".to_owned()) });
    let push = sent(&row, Kind::CloseSecond, &second);
    let old = gone(Time::from_seconds(NOW.seconds() - 10));
    settle(&mut row, &shard, Some(&second), (&push, Answer::Is(&old)), NOW);
    assert!(row.second.is_some(), "it is still on the screen");
    let retry_at = row.exception.and_then(|exception| exception.retry_at);
    assert!(retry_at.is_some_and(|at| at > NOW), "and is tried again");
    let new = gone(NOW);
    settle(&mut row, &shard, Some(&second), (&push, Answer::Is(&new)), NOW);
    assert!(row.second.is_none());
}

#[test]
fn a_410_for_a_replaced_push_to_start_token_leaves_the_start_to_the_new_one() {
    let shard = shard();
    let mut row = subscription(&shard, State::PendingStart);
    let replaced = Token {
        invalid: Some((NOW, "REPLACED".to_owned())),
        ..token(&row, TokenKind::PushToStart)
    };
    let push = sent(&row, Kind::Start, &replaced);
    settle(&mut row, &shard, Some(&replaced), (&push, Answer::Is(&gone(NOW))), NOW);
    assert_eq!((row.state, row.starts_begun), (State::PendingStart, 0));
    let exception = row.exception.unwrap_or_default();
    assert_eq!((exception.failed, exception.retry_at), (0, None), "it is due at once");
}
