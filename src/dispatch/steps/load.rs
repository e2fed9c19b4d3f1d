//! Loads a claimed shard and asks `domain` what each member needs.

use crate::clock::Time;
use crate::domain::activity::{Activity, State::Expired};
use crate::domain::activity_type::ActivityType;
use crate::domain::close::Lost;
use crate::domain::ids::{ShardId, SubscriptionId};
use crate::domain::plan::{self, Kind, Next, Plan, Present, Wanted};
use crate::domain::revision::Number;
use crate::domain::shard::Shard;
use crate::domain::subscription::{State, Subscription};
use crate::domain::tenant::App;
use crate::domain::token::Token;
use crate::error::{Error, Result};
use crate::store::revisions::AlertSpan;
use crate::store::subscriptions::Member;
use crate::store::{self, On};
use std::time::Duration;

/// How many alerts of a run are looked at; older ones are superseded anyway.
const ALERTS_MAX: u64 = 16;
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
    if let Some(until) = postponed(&shard, present).filter(|_| behind) {
        return Ok(Loaded::Postponed(until));
    }
    let members = if behind {
        store::subscriptions::members(reader, &shard, None, MEMBERS_MAX).await?
    } else {
        store::subscriptions::to_look_at(reader, &shard, present.now, MEMBERS_MAX).await?
    };
    let subscriptions: Vec<&Subscription> = members.iter().map(|m| &m.subscription).collect();
    let Some(wanted) = wanted(reader, &shard, &activity, (&subscriptions, present.now)).await?
    else {
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

/// What the run wants, as far as the activity is marked; none where nothing is.
pub(super) async fn wanted(
    on: &impl On,
    shard: &Shard,
    activity: &Activity,
    (members, now): (&[&Subscription], Time),
) -> Result<Option<Wanted>> {
    let (key, run, up_to) = (activity.key, shard.place.run, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(on, key, run, up_to).await?;
    let Some(newest) = newest else { return Ok(None) };
    let mut others = store::revisions::with_live_alert(
        on,
        &AlertSpan { activity: key, run, up_to },
        now,
        ALERTS_MAX,
    )
    .await?;
    let mut targeted: Vec<Number> = Vec::new();
    for member in members {
        let starts = member.state == State::PendingStart;
        let had = if starts { 0 } else { member.alerted.max(member.delivered(shard)) };
        targeted.push(member.targeted.wanted(newest.number));
        targeted.extend(Some(member.targeted.alert).filter(|alert| *alert > had));
    }
    targeted.sort_unstable();
    targeted.dedup();
    targeted.retain(|number| *number != newest.number);
    others.extend(store::revisions::get_many(on, key, &targeted).await?);
    let has_expired = activity.state == Expired && activity.run == run;
    let deliver_for = activity.deliver_for;
    Ok(Some(Wanted { run, newest, others, deliver_for, has_expired }))
}

async fn newest(on: &impl On, shard: &Shard, activity: &Activity) -> Result<Option<Number>> {
    let (key, run, up_to) = (activity.key, shard.place.run, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(on, key, run, up_to).await?;
    Ok(newest.map(|revision| revision.number))
}

/// A shard that is behind waits as a whole until the clock has passed the stamp that its members have in common.
fn postponed(shard: &Shard, present: Present) -> Option<Time> {
    let free = plan::free_at(shard.last_stamp, present);
    (free > present.now).then_some(free)
}

impl Work {
    fn plan(&mut self, member: Member, present: Present) {
        let subscription = member.subscription;
        let (id, version) = (subscription.id, subscription.version);
        let plan = match plan::next(&subscription, &self.shard, &self.wanted, present) {
            Next::Nothing | Next::Wait(_) => return,
            Next::Over => return self.lost.push((id, version, Lost::Run)),
            Next::TooLate => return self.lost.push((id, version, Lost::Moment)),
            Next::NoToken => return self.lost.push((id, version, Lost::Patience)),
            Next::Send(plan) => plan,
        };
        let token = match plan.kind {
            _ if self.shard.place.route.shares_token() => member.start_token,
            Kind::Start => member.start_token,
            Kind::Update | Kind::End => member.token,
            Kind::CloseSecond => member.second_token,
            Kind::Fallback => member.notification_token,
        };
        let token =
            token.filter(|_| plan.kind != Kind::Fallback || member.device.shows_notifications());
        let Some(token) = token.filter(Token::is_good) else {
            let lost = match plan.kind {
                Kind::CloseSecond => Lost::SecondToken,
                Kind::Fallback => Lost::FallbackToken,
                Kind::Start | Kind::Update | Kind::End => Lost::Token,
            };
            return self.lost.push((id, version, lost));
        };
        let takes_input_push_token = member.device.takes_input_push_token();
        let plan = Plan { token: Some(token.id), ..plan };
        self.planned.push(Planned { plan, subscription, token, takes_input_push_token });
    }
}
