//! A device whose app says something new about it all the time: what was accepted is known after a kill.

use crate::flight::is_lost;
use crate::world::{CALLS_MAX, Keyed, World};
use std::time::Duration;
use tidings::proto::v1::device_service_client::DeviceServiceClient;
use tidings::proto::v1::{GetDeviceRequest, RegisterDeviceRequest, SyncDeviceRequest};
use tokio::time::{MissedTickBehavior, interval};

const PACE: Duration = Duration::from_millis(40);

/// What is known of the device after so many calls: odd ones register it, even ones sync it.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    os_version: String,
    frequent_pushes_enabled: bool,
}

pub(crate) struct Talker {
    device: RegisterDeviceRequest,
    accepted: i64,
    unanswered: Option<i64>,
    client: DeviceServiceClient<Keyed>,
}

impl Talker {
    /// A device of nobody.
    pub(crate) async fn new(world: &World, device_id: &str) -> Self {
        let (device, client) = (world.device(device_id, ""), world.devices());
        let mut talker = Talker { device, accepted: 0, unanswered: None, client };
        for number in 1..=2 {
            talker.call(number).await.expect("said");
            talker.accepted = number;
        }
        talker
    }

    /// Says one thing after another until no answer comes.
    pub(crate) async fn talk(&mut self) {
        let mut ticks = interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let number = self.accepted + 1;
            self.unanswered = Some(number);
            match self.call(number).await {
                Ok(()) => (self.accepted, self.unanswered) = (number, None),
                Err(status) if is_lost(&status) => return,
                Err(status) => panic!("{} was refused: {status}", self.device.device_id),
            }
        }
    }

    /// What was accepted is known, and nothing that was not said; then what was not answered is said again.
    pub(crate) async fn is_known(&mut self) {
        let known = self.known().await;
        let possible = [Some(self.accepted), self.unanswered];
        let possible: Vec<Known> = possible.into_iter().flatten().map(after).collect();
        assert!(
            possible.contains(&known),
            "{}: {known:?}, not {possible:?}",
            self.device.device_id
        );
        let Some(number) = self.unanswered else { return };
        let mut answer = self.call(number).await;
        for _ in 1..CALLS_MAX {
            if answer.is_err() {
                answer = self.call(number).await;
            }
        }
        answer.expect("an answer");
        assert_eq!(self.known().await, after(number), "{}", self.device.device_id);
        (self.accepted, self.unanswered) = (number, None);
    }

    async fn known(&mut self) -> Known {
        let request = GetDeviceRequest { device_id: self.device.device_id.clone() };
        let answer = self.client.get_device(request).await.expect("a device").into_inner();
        let device = answer.device.expect("a device");
        let frequent_pushes_enabled = device.frequent_pushes_enabled;
        Known { os_version: device.os_version, frequent_pushes_enabled }
    }

    async fn call(&mut self, number: i64) -> tonic::Result<()> {
        let request_id = format!("{}-{number}", self.device.device_id);
        if number % 2 == 1 {
            let os_version = after(number).os_version;
            let device = RegisterDeviceRequest { request_id, os_version, ..self.device.clone() };
            self.client.register_device(device).await?;
        } else {
            let sync = SyncDeviceRequest {
                request_id,
                device_id: self.device.device_id.clone(),
                frequent_pushes_enabled: Some(after(number).frequent_pushes_enabled),
                ..SyncDeviceRequest::default()
            };
            self.client.sync_device(sync).await?;
        }
        Ok(())
    }
}

fn after(number: i64) -> Known {
    let (odd, even) = (number - (number + 1) % 2, number - number % 2);
    Known { os_version: format!("18.{odd}"), frequent_pushes_enabled: even % 4 == 0 }
}
