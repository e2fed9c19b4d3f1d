//! Tells the steps, and after each of them what Apple and Google answered (from the send log) and what the screens show
//! (from the phones). The one is not taken for the other.

use super::flight::ACTIVITY;
use super::phones::{card, name, status};
use super::world::{PATIENCE, World};
use anyhow::Context;
use std::collections::BTreeSet;
use std::time::Duration;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    Delivery, DeliveryStatus, ListDeliveriesRequest, Operation, Provider, WatchActivityRequest,
};

/// How long an accepted push may take to the screen of a phone that has a network.
const SCREEN_PATIENCE: Duration = Duration::from_secs(10);
/// More than a flight has.
const PAGE_SIZE: i32 = 1_000;

pub(super) struct Teller<'a> {
    world: &'a World,
    steps: u32,
    /// Rows of the send log that were told.
    told: BTreeSet<String>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Teller { world, steps: 0, told: BTreeSet::new() }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, text: &str) {
        self.steps += 1;
        println!("\n{:2}. {text}", self.steps);
    }

    /// Waits until the server waits for nothing, and tells what became of every push since the last time.
    pub(super) async fn tell_outcome(&mut self, wanted: &str, run: i64) -> anyhow::Result<()> {
        self.settled().await?;
        let mut phones = Vec::new();
        for delivery in log(self.world, run).await? {
            if self.told.insert(delivery.delivery_id.clone()) {
                line(&format!("{}: {}", name(&delivery.device_id), words(&delivery)));
                if delivery.status() != DeliveryStatus::Accepted {
                    continue;
                }
                if delivery.operation() == Operation::Fallback {
                    self.tell_notification(&delivery.device_id).await?;
                } else if !phones.contains(&delivery.device_id) {
                    phones.push(delivery.device_id);
                }
            }
        }
        for phone_id in phones {
            let screen = self.screen(&phone_id, wanted, run).await?;
            line(&format!("{}: {screen}", name(&phone_id)));
        }
        Ok(())
    }

    /// Waits until the phone shows the ordinary notification that was accepted for it.
    async fn tell_notification(&self, phone_id: &str) -> anyhow::Result<()> {
        let notified = |phone: &sim::Phone| !phone.notifications.is_empty();
        let seen = self.world.watch_phone(phone_id, SCREEN_PATIENCE, notified).await?;
        let said = match seen.as_ref().map(|phone| phone.notifications.last()) {
            Ok(Some(shown)) => {
                format!("its screen shows the notification \"{}: {}\"", shown.title, shown.body)
            }
            Ok(None) | Err(_) => "but its screen shows no notification".to_owned(),
        };
        line(&format!("{}: {said}", name(phone_id)));
        Ok(())
    }

    /// Watches the activity until nothing is pending.
    async fn settled(&self) -> anyhow::Result<()> {
        let request = WatchActivityRequest { activity_id: ACTIVITY.to_owned() };
        let mut watched = self.world.activities().watch_activity(request).await?.into_inner();
        let watch = async {
            while let Some(seen) = watched.message().await? {
                let progress = seen.progress.context("a watch tells the progress")?;
                if !progress.expanding && progress.routes.iter().all(|route| route.pending == 0) {
                    break;
                }
            }
            anyhow::Ok(())
        };
        let waited = tokio::time::timeout(PATIENCE, watch).await;
        waited.context("the pushes did not settle in time")?
    }

    /// Waits until the screen shows what was accepted for it, and says what it shows.
    async fn screen(&self, phone_id: &str, wanted: &str, run: i64) -> anyhow::Result<String> {
        let now = |phone: &sim::Phone| card(phone, run).map(|card| status(&card.content_json));
        let shows = |phone: &sim::Phone| now(phone).as_deref() == Some(wanted);
        // One look is enough at a phone that nothing can reach.
        let looked = |phone: &sim::Phone| shows(phone) || !phone.online;
        let phone = match self.world.watch_phone(phone_id, SCREEN_PATIENCE, looked).await? {
            Ok(phone) => phone,
            Err(last) => *last,
        };
        let content = now(&phone);
        let content = content.map_or("no such card".to_owned(), |status| format!("\"{status}\""));
        let alert = card(&phone, run).and_then(|card| card.shown.last()).filter(|s| s.alerted);
        let lit = alert.map(|shown| format!(", lit up by \"{}\"", shown.alert_body));
        let lit = lit.unwrap_or_default();
        Ok(match (shows(&phone), phone.online) {
            (true, _) => format!("its screen shows {content}{lit}"),
            (false, true) => format!("but its screen shows {content}"),
            (false, false) => format!("but it has no network, and its screen shows {content}"),
        })
    }
}

/// Tells something of the step.
pub(super) fn line(text: &str) {
    println!("      {text}");
}

/// The send log of a run, the oldest first.
pub(super) async fn log(world: &World, run: i64) -> anyhow::Result<Vec<Delivery>> {
    let request = ListDeliveriesRequest {
        activity_id: ACTIVITY.to_owned(),
        run: Some(run),
        page_size: PAGE_SIZE,
        ..ListDeliveriesRequest::default()
    };
    let mut page = world.deliveries().list_deliveries(request).await?.into_inner().deliveries;
    page.reverse();
    Ok(page)
}

/// One row of the send log in a sentence.
pub(super) fn words(delivery: &Delivery) -> String {
    let push = match delivery.operation() {
        Operation::Start => "start",
        Operation::Update => "update",
        Operation::End => "end",
        Operation::Fallback => "notification",
        Operation::Unspecified => "push",
    };
    let push = format!("{push} with revision {}", delivery.revision);
    let service = match delivery.provider() {
        Provider::Fcm => "FCM",
        Provider::Apns | Provider::Unspecified => "APNs",
    };
    let Delivery { http_status, reason, remedy, .. } = delivery;
    match delivery.status() {
        DeliveryStatus::Accepted => format!("{push}: {service} accepted it"),
        DeliveryStatus::Failed => {
            format!("{push}: {service} answered {http_status} {reason}. {remedy}")
        }
        DeliveryStatus::Unknown => format!("{push}: no answer, {reason}. {remedy}"),
        DeliveryStatus::Skipped | DeliveryStatus::Unspecified => {
            format!("no push: {reason}. {remedy}")
        }
    }
}
