//! Loads a claimed shard and asks `domain` what each member needs.

use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::activity_type::ActivityType;
use crate::domain::close::Lost;
use crate::domain::decide::{self, Decision, Tokens};
use crate::domain::ids::{ShardId, SubscriptionId};
use crate::domain::plan::{Plan, Present, Wanted};
use crate::domain::revision::Number;
use crate::domain::shard::Shard;
use crate::domain::subscription::Subscription;
use crate::domain::tenant::App;
use crate::domain::token::Token;
use crate::error::{Error, Result};
use crate::store::subscriptions::Member;
use crate::store::{self, On};
use std::time::Duration;

/// A shard of which nothing is marked yet is looked at again after this.
const UNMARKED_PAUSE: Duration = Duration::from_secs(2);
/// A shard never has more members than this.
pub(super) const MEMBERS_MAX: u64 = 2_000;

/// A claimed shard with what its members need.
#[derive(Debug)]
pub struct Work {
    /// The shard.
    pub shard: Shard,
    /// Its activity.
    pub activity: Activity,
    /// The type of that.
    pub activity_type: ActivityType,
    /// The app that the pushes are for.
    pub app: App,
    /// What the run asks.
    pub wanted: Wanted,
    /// The revision that the shard has when all is sent.
    pub goal: Number,
    /// The pushes to make.
    pub planned: Vec<Planned>,
    /// Members that nothing can be sent to, with the version at which that was so.
    pub lost: Vec<(SubscriptionId, i64, Lost)>,
}

/// One push to make.
#[derive(Clone, Debug)]
pub struct Planned {
    /// As it was decided.
    pub plan: Plan,
    /// The subscription as it was loaded.
    pub subscription: Subscription,
    /// The token that it goes by.
    pub token: Token,
    /// The system makes an update token only where it is asked to.
    pub takes_input_push_token: bool,
}

/// What a claim found.
#[derive(Debug)]
pub enum Loaded {
    /// This much to do.
    Work(Box<Work>),
    /// Nothing before this time.
    Postponed(Time),
    /// The shard is gone.
    Gone,
}

/// Loads a claimed shard. Members are read before the revisions that they may target.
pub async fn load(reader: &impl On, shard: ShardId, present: Present) -> Result<Loaded> {
    let Some(shard) = store::shards::find(reader, shard).await? else {
        return Ok(Loaded::Gone);
    };
    let key = shard.place.activity;
    let Some(activity) = store::activities::by_key(reader, key).await? else {
        return Ok(Loaded::Gone);
    };
    let newest = newest(reader, &shard, &activity).await?;
    let Some(newest) = newest else {
        return Ok(Loaded::Postponed(present.now + UNMARKED_PAUSE));
    };
    let behind = shard.delivered < newest;
    if let Some(until) = decide::postponed(&shard, behind, present) {
        return Ok(Loaded::Postponed(until));
    }
    let members = if behind {
        store::subscriptions::members(reader, &shard, None, MEMBERS_MAX).await?
    } else {
        store::subscriptions::to_look_at(reader, &shard, present.now, MEMBERS_MAX).await?
    };
    let subscriptions: Vec<&Subscription> = members.iter().map(|m| &m.subscription).collect();
    let members_now = (subscriptions.as_slice(), present.now);
    let wanted = store::wanted::of_members(reader, &shard, &activity, members_now).await?;
    let Some(wanted) = wanted else {
        return Ok(Loaded::Gone);
    };
    let app = store::apps::find(reader, shard.workspace, shard.place.app).await?;
    let app = app.ok_or_else(|| Error::not_found("app", shard.place.app.to_string()))?;
    let name = &activity.activity_type;
    let activity_type = store::activity_types::find(reader, shard.workspace, name).await?;
    let activity_type = activity_type
        .unwrap_or_else(|| ActivityType::unregistered(shard.workspace, name, present.now));
    let mut work = Work {
        goal: wanted.newest.number,
        activity,
        activity_type,
        app,
        wanted,
        planned: Vec::new(),
        lost: Vec::new(),
        shard,
    };
    for member in members {
        work.plan(member, present);
    }
    Ok(Loaded::Work(Box::new(work)))
}

async fn newest(on: &impl On, shard: &Shard, activity: &Activity) -> Result<Option<Number>> {
    let (key, run, up_to) = (activity.key, shard.place.run, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(on, key, run, up_to).await?;
    Ok(newest.map(|revision| revision.number))
}

impl Work {
    fn plan(&mut self, member: Member, present: Present) {
        let Member { subscription, device, .. } = member;
        let tokens = Tokens {
            card: member.token,
            second: member.second_token,
            start: member.start_token,
            notification: member.notification_token,
        };
        let whom = (&subscription, &device);
        match decide::decide(whom, &self.shard, &self.wanted, tokens, present) {
            Decision::Nothing | Decision::Wait(_) => {}
            Decision::GiveUp(_, lost) => {
                self.lost.push((subscription.id, subscription.version, lost));
            }
            Decision::Send(plan, token) => {
                let takes_input_push_token = device.takes_input_push_token();
                self.planned.push(Planned { plan, subscription, token, takes_input_push_token });
            }
        }
    }
}
