//! When a push that failed is tried again.

use super::ids::SubscriptionId;
use super::outcome::{Class, Outcome, Rejection};
use super::shard::Route;
use crate::clock::Time;
use std::time::Duration;

/// The waits between tries of the same content; the last one repeats. Newer content goes at once.
const WAITS: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(15),
];

/// Google wants no second try of anything sooner.
/// <https://firebase.google.com/docs/cloud-messaging/scale-fcm>
const FCM_REST: Duration = Duration::from_secs(10);

/// How long a device is left alone after a push that may be tried again, whatever is newer: as long as the provider
/// says, or else as it always wants. Google wants those that it asks to wait not to come back as one wave: they wait
/// up to a fifth longer, as `spread` says.
pub fn rest(route: Route, outcome: &Outcome, spread: u16) -> Option<Duration> {
    let asked_for = match (outcome, route) {
        (Outcome::Rejected(rejection), _) => rejection.retry_after,
        (Outcome::Unknown { .. } | Outcome::NotSent { .. }, Route::Fcm) => Some(FCM_REST),
        _ => None,
    };
    match route {
        Route::ApnsToken => asked_for,
        Route::Fcm => asked_for.map(|rest| rest.mul_f64(1.0 + 0.2 * f64::from(spread) / 1_000.0)),
    }
}

/// Where in the window of a retry a push of this subscription lies, in thousandths: spread evenly, so that a shard does
/// not come back as one wave.
pub fn spread(subscription: SubscriptionId, attempt: i32) -> u16 {
    let bytes = subscription.0.as_bytes();
    let hash = bytes.iter().fold(u32::try_from(attempt).unwrap_or(0), |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    u16::try_from(hash % 1_000).unwrap_or(0)
}

/// When the try after `attempt` tries is due: up to a fifth earlier or later than planned, as `spread` says.
pub fn at(spread: u16, attempt: i32, now: Time) -> Time {
    let index = usize::try_from(attempt - 1).unwrap_or(0);
    let wait = WAITS.get(index).or(WAITS.last()).copied().unwrap_or_default();
    now + wait.mul_f64(0.8 + 0.4 * f64::from(spread) / 1_000.0)
}

/// The same bytes would be refused again, by whatever connection: only newer content is worth a try.
pub fn is_final(rejection: &Rejection) -> bool {
    match rejection.class {
        Class::Retry | Class::ProviderToken | Class::Connection => false,
        Class::Configuration => rejection.status == 400,
        Class::Token | Class::Request | Class::Device => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_is_never_asked_sooner_than_it_says_and_apple_not_later() {
        let asked_for = Some(Duration::from_mins(1));
        let busy = Outcome::Rejected(Rejection {
            status: 429,
            reason: "QUOTA_EXCEEDED".to_owned(),
            class: Class::Retry,
            dead_since: None,
            retry_after: asked_for,
        });
        let unknown = Outcome::Unknown { reason: "TIMEOUT" };
        for spread in [0, 500, 999] {
            assert_eq!(rest(Route::ApnsToken, &busy, spread), asked_for);
            assert_eq!(rest(Route::ApnsToken, &unknown, spread), None);
            let seconds = |outcome| rest(Route::Fcm, outcome, spread).unwrap().as_secs_f64();
            assert!((60.0..72.0).contains(&seconds(&busy)));
            assert!((10.0..12.0).contains(&seconds(&unknown)));
        }
    }

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour_and_stay_within_a_fifth() {
        let subscription = SubscriptionId::generate();
        let planned = [5.0, 30.0, 120.0, 900.0, 900.0];
        for (attempt, planned) in (1..).zip(planned) {
            let wait =
                at(spread(subscription, attempt), attempt, Time(0)).since(Time(0)).as_secs_f64();
            assert!((wait - planned).abs() <= planned * 0.2 + 0.001, "{attempt}: {wait}");
        }
    }
}
