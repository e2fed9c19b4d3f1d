//! Bulkheads: what fails of one credential costs no other.
//!
//! A breaker per credential and world is told what Apple answered, and asked before each slice. While it is shut the
//! shards of the credential wait, and nobody's try is spent. Where Apple falls silent, few slices of one credential
//! wait for answers at a time, so that the others find room. `domain::breaker` has the rules.

use super::credentials::Signing;
use super::steps::{self, Answered};
use super::{Dispatcher, SHARDS_AT_ONCE};
use crate::domain::breaker::{Breaker, Gate, Sign, Turn};
use crate::domain::ids::{CredentialId, WorkspaceId};
use crate::domain::push::Environment;
use crate::domain::reasons::{self, CREDENTIAL_PAUSED};
use crate::store::Lane;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many slices of one credential may be without all their answers after their second.
const LATE_SLICES_MAX: usize = SHARDS_AT_ONCE;
/// How long the next ones wait then.
const LATE_PAUSE: Duration = Duration::from_secs(1);
/// How many credentials are watched; of those that are well nothing is lost.
const WATCHED_MAX: usize = 10_000;

/// One credential in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    workspace: WorkspaceId,
    credential: CredentialId,
    world: Environment,
}

/// What is known of every credential that pushes were signed with.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    watched: Mutex<HashMap<Source, Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    breaker: Breaker,
    late: usize,
}

/// A slice that waits for answers; counted until this is dropped.
pub(super) struct Late {
    dispatcher: Dispatcher,
    source: Source,
}

impl Source {
    /// Where the pushes of a key come from; Google's limits have their own bulkheads, in `provider`.
    pub(super) fn of(
        signing: &Signing,
        workspace: WorkspaceId,
        world: Environment,
    ) -> Option<Self> {
        match signing {
            Signing::Apns(key) => Some(Source { workspace, credential: key.credential.id, world }),
            Signing::Google(_) | Signing::Nothing(_) => None,
        }
    }
}

impl Dispatcher {
    /// How much may be sent with it.
    pub(super) fn gate(&self, source: Source, signing: &Signing) -> Gate {
        let now = self.shared.clock.now();
        let was_failing = matches!(signing, Signing::Apns(key) if key.was_failing);
        let mut watched = self.watched();
        if watched.len() >= WATCHED_MAX && !watched.contains_key(&source) {
            watched.retain(|_, known| known.late > 0 || known.breaker.is_shut());
        }
        let known = watched
            .entry(source)
            .or_insert_with(|| Watched { breaker: Breaker::new(was_failing), late: 0 });
        if known.late >= LATE_SLICES_MAX {
            return Gate::Shut(now + LATE_PAUSE);
        }
        known.breaker.ask(now)
    }

    /// Takes note of what was answered.
    pub(super) async fn hear(&self, source: Option<Source>, answered: &[Answered]) {
        let Some(source) = source else { return };
        let now = self.shared.clock.now();
        let turns: Vec<Turn> = {
            let mut watched = self.watched();
            let Some(known) = watched.get_mut(&source) else { return };
            let signs = answered.iter().map(|answered| Sign::of(&answered.outcome));
            signs.filter_map(|sign| known.breaker.hear(&sign, now)).collect()
        };
        for turn in turns {
            self.turn(source, turn).await;
        }
    }

    /// Counts a slice whose answers are late.
    pub(super) fn late(&self, source: Source) -> Late {
        self.watched().entry(source).or_default().late += 1;
        Late { dispatcher: self.clone(), source }
    }

    /// Says it in the log, and where it is about the credential itself also to those whose it is.
    async fn turn(&self, source: Source, turn: Turn) {
        let Source { workspace, credential, world } = source;
        let failing = match turn {
            Turn::Unreachable(reason) => {
                let (pause, remedy) = (CREDENTIAL_PAUSED, reasons::remedy(0, reason));
                tracing::warn!(%credential, ?world, reason, pause, remedy, "Apple is not reached");
                return;
            }
            Turn::Failing(reason) => {
                let (pause, remedy) = (CREDENTIAL_PAUSED, reasons::remedy(403, &reason));
                tracing::warn!(%credential, ?world, reason, pause, remedy, "a credential fails");
                Some(reason)
            }
            Turn::Recovered => {
                tracing::info!(%credential, ?world, "a credential works again");
                None
            }
        };
        let (clock, store) = (self.shared.clock.clone(), &self.shared.store);
        let noted = store.write(Lane::Settle, move |tx| {
            let (failing, now) = (failing.clone(), clock.now());
            Box::pin(async move {
                steps::turn_credential(tx, (workspace, credential), failing, now).await
            })
        });
        if let Err(error) = noted.await {
            tracing::error!(%error, %credential, "what became of a credential was not noted");
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<Source, Watched>> {
        self.shared.breakers.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        if let Some(known) = self.dispatcher.watched().get_mut(&self.source) {
            known.late = known.late.saturating_sub(1);
        }
    }
}
