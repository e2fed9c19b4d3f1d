//! Which pushes share a body.

use super::*;
use crate::domain::ids::TokenId;
use crate::domain::samples::{active, sent_as, shard, token};

fn planned(change: impl Fn(&mut Planned)) -> Likeness {
    let shard = shard();
    let subscription = active(&shard);
    let plan = sent_as(Kind::End, &subscription, &shard, 2).plan;
    let token = token(TokenId::generate());
    let mut planned = Planned { plan, subscription, token, takes_input_push_token: false };
    change(&mut planned);
    Likeness::of(&planned, 100)
}

#[test]
fn only_pushes_that_say_the_same_share_a_body() {
    let plain = planned(|_| {});
    assert_eq!(plain, planned(|_| {}), "devices that differ in their tokens alone");
    let others = [
        planned(|push| push.subscription.closing = true),
        planned(|push| push.plan.kind = Kind::Update),
        planned(|push| push.plan.revision = 3),
        planned(|push| push.plan.alert = 2),
        planned(|push| push.takes_input_push_token = true),
    ];
    assert!(!others.contains(&plain));
}
