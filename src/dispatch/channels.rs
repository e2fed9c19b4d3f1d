//! Asks Apple about channels: what callers want of them, and now and then which there are.
//!
//! What is wanted is in the tables, so a crash or a lost answer is made up for like everything else. Each question is
//! written down before it is asked and has one process that asks it; it never keeps delivery waiting.

use super::credentials::Signing;
use super::{Dispatcher, FAULT_PAUSE, PEERS_INTERVAL, SWEEP_INTERVAL, steps};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::channel::{Channel, Errand, Refusal, StoragePolicy};
use crate::domain::channel_survey::{FOUND_AT_ONCE, Survey, compare};
use crate::domain::ids::ChannelId;
use crate::domain::reasons::{CREDENTIAL_MISSING, own_class};
use crate::error::{Error, Result};
use crate::provider::apns::{ChannelCall, Done};
use crate::store::{self, Lane, Tx};
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// How many questions are under way at a time.
pub(super) const QUESTIONS_AT_ONCE: usize = 8;
/// How much longer a claim lasts than its question: time to write the answer down.
const SETTLE_MARGIN: Duration = Duration::from_secs(15);
/// How often an answer is tried to be written down, with a pause between.
const SETTLE_TRIES: usize = 10;

const _: () = assert!(FAULT_PAUSE.as_secs() * (SETTLE_TRIES as u64) < SETTLE_MARGIN.as_secs());

impl Dispatcher {
    /// Looks after channels until the dispatcher is told to stop.
    pub(super) fn keep_channels(&self) {
        let dispatcher = self.clone();
        self.shared.tasks.spawn(async move {
            let shared = &dispatcher.shared;
            let interval = if shared.store.is_shared() { PEERS_INTERVAL } else { SWEEP_INTERVAL };
            let mut bell = shared.bus.subscribe_channels();
            while !shared.stop.is_cancelled() {
                if let Err(error) = dispatcher.look_after_channels().await {
                    tracing::error!(%error, "channels were not looked after and will be later");
                }
                tokio::select! {
                    () = bell.rung() => {}
                    () = tokio::time::sleep(interval) => {}
                    () = shared.stop.cancelled() => {}
                }
            }
        });
    }

    async fn look_after_channels(&self) -> Result<()> {
        let now = self.shared.clock.now();
        let limit = u64::try_from(self.shared.questions.available_permits()).unwrap_or(0);
        if limit == 0 {
            return Ok(());
        }
        for id in store::channels::due_all_workspaces(self.reader(), now, limit).await? {
            let Some(permit) = self.permit() else { return Ok(()) };
            if let Some(channel) = self.claim_channel(id).await? {
                let dispatcher = self.clone();
                let asking = async move { dispatcher.ask_about(channel).await };
                self.shared.tasks.spawn(self.clone().with(permit, asking));
            }
        }
        for survey in store::channel_surveys::due_all_workspaces(self.reader(), now, limit).await? {
            let Some(permit) = self.permit() else { return Ok(()) };
            if let Some(survey) = self.claim_survey(survey).await? {
                let dispatcher = self.clone();
                let asking = async move { dispatcher.make_survey(survey).await };
                self.shared.tasks.spawn(self.clone().with(permit, asking));
            }
        }
        Ok(())
    }

    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.questions).try_acquire_owned().ok()
    }

    async fn with(self, permit: OwnedSemaphorePermit, asking: impl Future<Output = ()> + Send) {
        asking.await;
        drop(permit);
        // Callers wait for what came of it, and there is room for the next question.
        self.shared.bus.ring(Ring::Channels);
    }

    /// How long a question has from its claim, its answer written down.
    fn claim_span(&self, questions: usize) -> Duration {
        let questions = u32::try_from(questions).unwrap_or(u32::MAX);
        self.shared.apns.answer_max().saturating_mul(questions) + SETTLE_MARGIN
    }

    async fn claim_channel(&self, id: ChannelId) -> Result<Option<Channel>> {
        let (clock, span) = (self.shared.clock.clone(), self.claim_span(1));
        let claim = self.shared.store.write(Lane::Settle, move |tx| {
            let clock = clock.clone();
            Box::pin(async move {
                let now = store::clock::now(tx, &clock).await?;
                steps::claim_channel(tx, id, now, span).await
            })
        });
        claim.await
    }

    async fn claim_survey(&self, survey: Survey) -> Result<Option<Survey>> {
        let (clock, span) = (self.shared.clock.clone(), self.claim_span(FOUND_AT_ONCE + 1));
        let claim = self.shared.store.write(Lane::Settle, move |tx| {
            let (clock, survey) = (clock.clone(), survey.clone());
            Box::pin(async move {
                let now = store::clock::now(tx, &clock).await?;
                steps::claim_survey(tx, &survey, now, span).await
            })
        });
        claim.await
    }

    /// Asks what is wanted of a channel, and writes the answer down.
    async fn ask_about(&self, asked: Channel) {
        let answer = match asked.errand() {
            Some(errand) => self.ask(&Survey::of(&asked, asked.updated_at), errand).await,
            // Apple never said that there is one.
            None => Ok(Done::Deleted),
        };
        if let Err(Refusal { reason, .. }) = &answer {
            let (channel, state) = (asked.id, asked.state);
            tracing::warn!(%channel, ?state, reason, "Apple did not do what a channel needs.");
        }
        let asked = Arc::new(asked);
        self.settle(move |tx, now| {
            let (asked, answer) = (Arc::clone(&asked), answer.clone());
            Box::pin(async move {
                match answer {
                    Ok(Done::Created(id)) => steps::settle_creation(tx, &asked, Ok(id), now).await,
                    Ok(_) => steps::settle_deletion(tx, &asked, Ok(()), now).await,
                    Err(refusal) if matches!(asked.errand(), Some(Errand::Create(_))) => {
                        steps::settle_creation(tx, &asked, Err(refusal), now).await
                    }
                    Err(refusal) => steps::settle_deletion(tx, &asked, Err(refusal), now).await,
                }
            })
        })
        .await;
    }

    /// Compares Apple's list with the tables, and writes down what differs.
    async fn make_survey(&self, survey: Survey) {
        let seen = self.look_around(&survey).await;
        if let Err(cause) = &seen {
            let app = survey.app;
            tracing::warn!(%app, cause, "Apple's list of an app's channels was not looked at.");
        }
        let (survey, seen) = (Arc::new(survey), Arc::new(seen));
        self.settle(move |tx, now| {
            let (survey, seen) = (Arc::clone(&survey), Arc::clone(&seen));
            Box::pin(async move {
                match &*seen {
                    Ok(Seen { gone, found, is_more }) => {
                        steps::settle_survey(tx, &survey, (gone, found), *is_more, now).await
                    }
                    Err(_) => steps::give_survey_up(tx, &survey, now).await,
                }
            })
        })
        .await;
    }

    async fn look_around(&self, survey: &Survey) -> Result<Seen, String> {
        let failed = |error: Error| error.to_string();
        let rows = store::channels::of_survey(self.reader(), survey).await.map_err(failed)?;
        let listed = match self.ask(survey, Errand::List).await {
            Ok(Done::Listed(listed)) => listed,
            Ok(_) => return Err("Apple answered another question".to_owned()),
            Err(refusal) => return Err(refusal.reason),
        };
        // After Apple's list: who has got a channel meanwhile is known by now, or still asks for it.
        let elsewhere = store::channels::elsewhere_all_workspaces(self.reader(), survey).await;
        let elsewhere: BTreeSet<String> = elsewhere.map_err(failed)?.into_iter().collect();
        let differences = compare(&rows, &elsewhere, &listed);
        let is_more = differences.unknown.len() > FOUND_AT_ONCE;
        let mut found = Vec::new();
        for id in differences.unknown.into_iter().take(FOUND_AT_ONCE) {
            if self.shared.stop.is_cancelled() {
                break;
            }
            // One that has gone meanwhile is not there; the next survey asks about the others again.
            if let Ok(Done::Described(policy)) = self.ask(survey, Errand::Read(id.clone())).await {
                found.push((id, policy));
            }
        }
        Ok(Seen { gone: differences.gone, is_more: is_more && !found.is_empty(), found })
    }

    async fn ask(&self, place: &Survey, errand: Errand) -> Result<Done, Refusal> {
        let missing = |reason: &str| Refusal {
            reason: reason.to_owned(),
            class: own_class(reason),
            is_doubtful: false,
            retry_after: None,
        };
        let signing = self.signing(place.app, place.environment).await;
        let signing = signing.map_err(|error| {
            tracing::error!(%error, "a credential was not read");
            missing(CREDENTIAL_MISSING)
        })?;
        let (credential, token) = match signing {
            Signing::Apns(key) => (key.credential, key.token),
            Signing::Nothing(reason) => return Err(missing(reason)),
            Signing::Google(_) => return Err(missing(CREDENTIAL_MISSING)),
        };
        let (environment, bundle_id) = (place.environment, place.bundle_id.clone());
        let call = ChannelCall { environment, bundle_id, credential, token, errand };
        self.shared.apns.ask(&call).await
    }

    /// Writes an answer down; it is all that is known of what Apple did, so one failure does not lose it.
    async fn settle<F>(&self, step: F)
    where
        F: for<'a> Fn(&'a Tx, Time) -> BoxFuture<'a, Result<()>> + Send + Sync + 'static,
    {
        let step = Arc::new(step);
        for _ in 0..SETTLE_TRIES {
            let (clock, step) = (self.shared.clock.clone(), Arc::clone(&step));
            let settled = self.shared.store.write(Lane::Settle, move |tx| {
                let (clock, step) = (clock.clone(), Arc::clone(&step));
                Box::pin(async move {
                    let now = store::clock::now(tx, &clock).await?;
                    step(tx, now).await
                })
            });
            match settled.await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "Apple's answer was not written down"),
            }
            tokio::time::sleep(FAULT_PAUSE).await;
        }
    }
}

/// What a survey has seen.
struct Seen {
    gone: Vec<Channel>,
    found: Vec<(String, StoragePolicy)>,
    is_more: bool,
}
