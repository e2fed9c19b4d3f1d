//! What an app is told, looked up after the commit: content is never kept beside a request id.

use super::{Kept, KeptCard, KeptToken, SyncAsked, Synced};
use crate::clock::Time;
use crate::domain::content;
use crate::domain::ids::{ActivityKey, SubscriptionId};
use crate::domain::register::TokenResult;
use crate::domain::revision::{Number, Revision, Run};
use crate::domain::sync::Verdict;
use crate::error::{Error, Result};
use crate::service::{Service, subscriptions};
use crate::store;

/// What became of a token, with the subscription that it serves; or why it was refused.
pub type SyncedToken = Result<(TokenResult, Option<subscriptions::Seen>)>;

/// What the app is to do with a card.
#[derive(Clone, Debug)]
pub struct SyncedCard {
    /// As the app named it.
    pub activity_id: String,
    /// The run that it was taken for; 0 where that is not known.
    pub run: Run,
    /// As the app named it.
    pub device_activity_id: Option<String>,
    /// What to do.
    pub verdict: Verdict,
    /// What it should show; 0 where nothing is known.
    pub revision: Number,
    /// That, where the card is to show it.
    pub content: Option<Content>,
}

/// What a card is to show.
#[derive(Clone, Debug)]
pub struct Content {
    /// The state.
    pub state: content::Content,
    /// When it is outdated.
    pub stale_at: Option<Time>,
    /// When an ended card leaves the screen.
    pub dismiss_at: Option<Time>,
}

/// What should be on the screen and is not.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Of this device.
    pub subscription: subscriptions::Seen,
    /// Its type.
    pub activity_type: String,
    /// The static data of its run.
    pub attributes: content::Content,
    /// What it should show.
    pub content: Content,
}

/// Looks up what was decided.
pub(super) async fn tell(service: &Service, asked: &SyncAsked, kept: Kept) -> Result<Synced> {
    let device_id = &asked.device_id;
    let mut tokens = Vec::with_capacity(kept.tokens.len());
    for token in kept.tokens {
        tokens.push(match token {
            KeptToken::Refused(reason, message) => Err(Error::new(reason, message)),
            KeptToken::Taken(result, None) => Ok((result, None)),
            KeptToken::Taken(result, Some(id)) => {
                let id = SubscriptionId(id);
                // Gone where its activity was deleted since.
                Ok((result, subscriptions::look(service, id, device_id.clone()).await.ok()))
            }
        });
    }
    let mut cards = Vec::with_capacity(kept.cards.len());
    for (card, said) in kept.cards.into_iter().zip(&asked.cards) {
        cards.push(SyncedCard {
            activity_id: said.activity_id.clone(),
            run: card.run,
            device_activity_id: said.device_activity_id.clone(),
            verdict: card.verdict,
            revision: card.revision,
            content: content_of(service, card).await?,
        });
    }
    let mut missing = Vec::with_capacity(kept.missing.len());
    for id in kept.missing {
        missing.extend(missing_one(service, SubscriptionId(id), device_id).await?);
    }
    Ok(Synced { tokens, cards, missing })
}

async fn content_of(service: &Service, card: KeptCard) -> Result<Option<Content>> {
    let Some(key) = card.activity.filter(|_| card.verdict != Verdict::Keep) else {
        return Ok(None);
    };
    let reader = service.store.reader();
    let revision = store::revisions::get(reader, ActivityKey(key), card.revision).await?;
    Ok(revision.map(Content::of))
}

async fn missing_one(
    service: &Service,
    id: SubscriptionId,
    device_id: &str,
) -> Result<Option<Missing>> {
    let reader = service.store.reader();
    let Ok(subscription) = subscriptions::look(service, id, device_id.to_owned()).await else {
        return Ok(None);
    };
    let key = subscription.subscription.place.activity;
    let Some(activity) = store::activities::by_key(reader, key).await? else { return Ok(None) };
    let (run, up_to) = (subscription.subscription.place.run, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(reader, key, run, up_to).await?;
    let number = newest.map_or(0, |newest| newest.number);
    let wanted = subscription.subscription.targeted.wanted(number);
    let revision = store::revisions::get(reader, key, wanted).await?;
    Ok(revision.filter(|_| activity.run == run).map(|revision| Missing {
        subscription,
        activity_type: activity.activity_type,
        attributes: activity.attributes,
        content: Content::of(revision),
    }))
}

impl Content {
    fn of(revision: Revision) -> Self {
        let (stale_at, dismiss_at) = (revision.stale_at, revision.dismiss_at);
        Content { state: revision.content, stale_at, dismiss_at }
    }
}
