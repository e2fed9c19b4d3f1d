//! Channels: who asks Apple, and what the answer changes. Each is one transaction.

use crate::clock::Time;
use crate::domain::channel::{Channel, Refusal, State, StoragePolicy};
use crate::domain::channel_survey::Survey;
use crate::domain::ids::ChannelId;
use crate::error::Result;
use crate::store::{Tx, channel_surveys, channels};
use std::collections::HashSet;
use std::time::Duration;

/// Takes it upon this process to ask Apple about a channel, for at most so long; none where another one has, or where
/// nothing is wanted any more.
pub async fn claim_channel(
    tx: &Tx,
    id: ChannelId,
    now: Time,
    span: Duration,
) -> Result<Option<Channel>> {
    let row = channels::hold_all_workspaces(tx, id).await?;
    let Some(row) = row.filter(|row| row.due_at.is_some_and(|at| at <= now)) else {
        return Ok(None);
    };
    let claimed = row.claimed(now, span);
    channels::put(tx, claimed.clone()).await?;
    Ok(Some(claimed))
}

/// Records Apple's answer to the wish for a channel. `asked` is the row as it was claimed.
pub async fn settle_creation(
    tx: &Tx,
    asked: &Channel,
    answer: Result<String, Refusal>,
    now: Time,
) -> Result<()> {
    if let Ok(apple_id) = &answer {
        channels::forget_found(tx, asked, apple_id).await?;
    }
    let row = channels::hold_all_workspaces(tx, asked.id).await?;
    match (row, answer) {
        (Some(row), answer) if row.apple_id.is_none() && row.claim == asked.claim => {
            let row = row.created(answer, now);
            // Whether there is a channel that nobody knows of can be seen now.
            if row.doubts > 0 && row.state != State::Creating {
                let due_at = row.due_at.unwrap_or(now);
                channel_surveys::bring_forward(tx, row.app, row.environment, due_at).await?;
            }
            channels::put(tx, row).await
        }
        // Another process has asked again meanwhile, or the row is gone: this channel is one too many, and ours.
        (_, Ok(apple_id)) => channels::put(tx, Channel::surplus(asked, apple_id, now)).await,
        (_, Err(_)) => Ok(()),
    }
}

/// Records Apple's answer to the wish to be rid of a channel; none where there was nothing to ask.
pub async fn settle_deletion(
    tx: &Tx,
    asked: &Channel,
    answer: Result<(), Refusal>,
    now: Time,
) -> Result<()> {
    let row = channels::hold_all_workspaces(tx, asked.id).await?;
    let Some(row) = row.filter(|row| row.claim == asked.claim) else { return Ok(()) };
    let (app, environment, doubts) = (row.app, row.environment, row.doubts);
    if let Some(row) = row.deleted(answer, now) {
        return channels::put(tx, row).await;
    }
    channels::delete(tx, asked.id).await?;
    if doubts > 0 {
        channel_surveys::bring_forward(tx, app, environment, now).await?;
    }
    Ok(())
}

/// Takes a survey upon this process, for at most so long; none where another one has.
pub async fn claim_survey(
    tx: &Tx,
    survey: &Survey,
    now: Time,
    span: Duration,
) -> Result<Option<Survey>> {
    let row = channel_surveys::hold(tx, survey.app, survey.environment).await?;
    let Some(row) = row.filter(|row| row.due_at <= now) else { return Ok(None) };
    let claimed = row.claimed(now, span);
    channel_surveys::put(tx, claimed.clone()).await?;
    Ok(Some(claimed))
}

/// Records what a survey showed. `found` are channels that no row had when Apple was asked, with their policies.
///
/// While Apple may be creating one nothing counts as found: it may be that one.
pub async fn settle_survey(
    tx: &Tx,
    survey: &Survey,
    (gone, found): (&[Channel], &[(String, StoragePolicy)]),
    is_more: bool,
    now: Time,
) -> Result<()> {
    let row = channel_surveys::hold(tx, survey.app, survey.environment).await?;
    let Some(row) = row.filter(|row| row.claim == survey.claim) else { return Ok(()) };
    for seen in gone {
        let row = channels::hold_all_workspaces(tx, seen.id).await?;
        match row {
            Some(row) if row.state == State::Found => channels::delete(tx, row.id).await?,
            Some(row) if row.state == State::Active => channels::put(tx, row.gone(now)).await?,
            _ => {}
        }
    }
    if !channels::is_any_being_created_all_workspaces(tx, survey).await? {
        let ids: Vec<String> = found.iter().map(|(id, _)| id.clone()).collect();
        let known: HashSet<String> =
            channels::known_all_workspaces(tx, survey, &ids).await?.into_iter().collect();
        let new = found.iter().filter(|(id, _)| !known.contains(id));
        let new =
            new.map(|(id, policy)| Channel::new(survey.clone(), *policy, Some(id.clone()), now));
        channels::put_all(tx, new.collect()).await?;
    }
    channel_surveys::put(tx, row.done(is_more, now)).await
}

/// The same where the survey could not be made.
pub async fn give_survey_up(tx: &Tx, survey: &Survey, now: Time) -> Result<()> {
    settle_survey(tx, survey, (&[], &[]), false, now).await
}
