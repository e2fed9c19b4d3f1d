//! The backend: starts, updates and ends the activity, again and again, and asks some things twice.

use crate::world::World;
use anyhow::{Result, ensure};
use std::time::Duration;
use tidings::domain::activity::{Origin, State};
use tidings::domain::asked::{Expected, Presentation};
use tidings::domain::content::Content;
use tidings::domain::lifetime::Times;
use tidings::domain::push::Alert;
use tidings::domain::revision::{Number, Run, Target};
use tidings::domain::update::Dismissal;
use tidings::service::activities::{self, EndAsked, StartAsked, UpdateAsked};
use tidings::service::recipients::{AudienceAsked, Named};

/// The type of the activity.
pub(crate) const TYPE: &str = "flight_status";

/// What the backend will ask, and has asked.
pub(crate) struct Caller {
    /// How many more calls it makes.
    pub(crate) calls: u8,
    /// How many runs there may be.
    pub(crate) runs_max: Run,
    pub(crate) by_contact: bool,
    /// Everything accepted, by revision.
    pub(crate) asked: Vec<Asked>,
    /// The latest call, to be repeated.
    pub(crate) latest: Option<(Request, String)>,
}

/// One revision.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) revision: Number,
    pub(crate) run: Run,
    pub(crate) ends: bool,
    /// The devices it is asked of; all if absent.
    pub(crate) target: Option<Vec<usize>>,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Start(StartAsked),
    Update(UpdateAsked, Option<Vec<usize>>),
    End(EndAsked, Option<Vec<usize>>),
}

impl Caller {
    /// What a device should show of a run, as far as it is marked; the end of it is final, until another one is
    /// asked of it.
    pub(crate) fn wanted(&self, run: Run, device: usize, up_to: Number) -> Option<&Asked> {
        let of_it = self.asked.iter().filter(|asked| asked.run == run && asked.revision <= up_to);
        let mut wanted: Option<&Asked> = None;
        for asked in of_it {
            let concerns = asked.target.as_ref().is_none_or(|devices| devices.contains(&device));
            let ends_again = asked.ends && asked.target.is_some();
            if concerns && (ends_again || !wanted.is_some_and(|wanted| wanted.ends)) {
                wanted = Some(asked);
            }
        }
        wanted
    }

    /// The revision of that number is asked of this device too; none is asked of nobody.
    pub(crate) fn concerns(&self, revision: Number, device: usize) -> bool {
        let of_others = |asked: &&Asked| {
            let target = asked.target.as_ref();
            asked.revision == revision && target.is_some_and(|targets| !targets.contains(&device))
        };
        !self.asked.iter().any(|asked| of_others(&asked))
    }

    /// The end of the run was accepted.
    pub(crate) fn has_ended(&self, run: Run) -> bool {
        let ends = |asked: &&Asked| asked.run == run && asked.ends && asked.target.is_none();
        self.asked.iter().any(|asked| ends(&asked))
    }
}

impl World<'_> {
    /// The next call of the program, whatever fits the state of the activity.
    pub(crate) async fn call_next(&mut self) -> Result<()> {
        self.caller.calls -= 1;
        let request = self.next_request();
        let request_id = format!("{}-{}", self.activity_id(), self.caller.calls);
        self.ask(request.clone(), request_id.clone(), false).await?;
        self.caller.latest = Some((request, request_id));
        Ok(())
    }

    /// The caller had no answer and asks once more: nothing may change.
    pub(crate) async fn call_again(&mut self) -> Result<()> {
        let Some((request, request_id)) = self.caller.latest.take() else { return Ok(()) };
        self.ask(request, request_id, true).await
    }

    fn next_request(&mut self) -> Request {
        let activity = self.rows.activity.as_ref();
        let state = activity.map(|activity| (activity.state, activity.origin));
        let waits = match state {
            None | Some((State::Ended | State::Expired, _)) => true,
            Some((State::Active, Origin::App)) => self.random.percent(60),
            Some((State::Scheduled, _) | (State::Active, Origin::Backend)) => false,
        };
        if waits {
            return self.start();
        }
        match self.random.below(10) {
            0..4 => self.update(None),
            4..6 => {
                let targets = self.some();
                self.update(Some(targets))
            }
            6..8 => {
                let targets = self.some();
                self.end(Some(targets))
            }
            _ => self.end(None),
        }
    }

    /// One device, and perhaps a second one.
    fn some(&mut self) -> Vec<usize> {
        let first = self.random.below(self.devices.len());
        let second = self.random.below(self.devices.len());
        if self.random.percent(30) && second != first { vec![first, second] } else { vec![first] }
    }

    fn update(&mut self, target: Option<Vec<usize>>) -> Request {
        let asked = UpdateAsked {
            activity_id: self.activity_id(),
            content: Some(content()),
            presentation: self.presentation(40),
            expected: Expected::default(),
            observed_at: None,
            target: target.as_ref().map(|devices| self.target(devices)),
            times: Times::default(),
        };
        Request::Update(asked, target)
    }

    fn target(&self, devices: &[usize]) -> Target {
        let ids = devices.iter().map(|device| self.devices[*device].id.clone());
        Target { device_ids: ids.collect(), ..Target::default() }
    }

    fn start(&mut self) -> Request {
        let contacts = self.devices.iter().map(|device| format!("contact-{}", device.id));
        let ids = self.devices.iter().map(|device| device.id.clone());
        let named = if self.caller.by_contact {
            Named::ContactKeys(contacts.collect())
        } else {
            Named::DeviceIds(ids.collect())
        };
        let audience =
            AudienceAsked { named, app_ids: Vec::new(), latest_only: false, live: false };
        Request::Start(StartAsked {
            activity_id: Some(self.activity_id()),
            activity_type: TYPE.to_owned(),
            external_id: String::new(),
            attributes: None,
            content: Some(content()),
            audience,
            presentation: self.presentation(100),
            fallback: Some(Alert::default()),
            times: Times::default(),
            expected: Expected::default(),
        })
    }

    fn end(&mut self, target: Option<Vec<usize>>) -> Request {
        let asked = EndAsked {
            activity_id: self.activity_id(),
            content: Some(content()),
            presentation: self.presentation(20),
            expected: Expected::default(),
            dismissal: Dismissal::Immediate,
            target: target.as_ref().map(|devices| self.target(devices)),
        };
        Request::End(asked, target)
    }

    fn presentation(&mut self, alerts: usize) -> Presentation {
        let alert =
            || Alert { title: "Flight".into(), body: "Boarding".into(), ..Alert::default() };
        let soon = self.now() + Duration::from_secs(20);
        Presentation {
            alert: self.random.percent(alerts).then(alert),
            alert_expires_at: self.random.percent(20).then_some(soon),
            ..Presentation::default()
        }
    }

    async fn ask(&mut self, request: Request, request_id: String, again: bool) -> Result<()> {
        self.has_written = true;
        let (service, before) = (self.service.clone(), self.caller.asked.len());
        let (answered, ends, target) = match request {
            Request::Start(asked) => {
                let call = self.call("Start", request_id);
                (activities::start(&service, &call, asked).await?, false, None)
            }
            Request::Update(asked, target) => {
                let call = self.call("Update", request_id);
                (activities::update(&service, &call, asked).await?, false, target)
            }
            Request::End(asked, target) => {
                let call = self.call("End", request_id);
                (activities::end(&service, &call, asked).await?, true, target)
            }
        };
        ensure!(answered.replayed == again, "a repeat is known by its request_id");
        let accepted = answered.answer;
        self.key = Some(accepted.key());
        let (revision, run) = (accepted.revision, accepted.run);
        self.note(&format!("     revision {revision} of run {run}, ends {ends} {target:?}"));
        if again {
            let known = self.caller.asked.iter().any(|asked| asked.revision == revision);
            ensure!(known && before == self.caller.asked.len(), "a repeat changes nothing");
            return Ok(());
        }
        if !ends && target.is_none() && !self.expanding.contains(&run) && self.is_start(run) {
            self.expanding.push(run);
        }
        self.caller.asked.push(Asked { revision, run, ends, target });
        Ok(())
    }

    /// The run's first revision of the backend is the one that names the audience.
    fn is_start(&self, run: Run) -> bool {
        let activity = self.rows.activity.as_ref();
        activity.is_none_or(|a| a.run < run || a.origin == Origin::App)
    }
}

/// Content; which it is does not matter here.
pub(crate) fn content() -> Content {
    Content::from_stored("{\"gate\":\"B12\"}".to_owned())
}
