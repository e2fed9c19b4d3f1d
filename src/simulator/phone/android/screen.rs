//! What the app makes of a message: the screen changes, or it does not and the log says why.
//!
//! May import `clock`, `proto` and the rest of `simulator`. An app never goes back behind the run and revision that it
//! has seen, and never shows again what the person has closed.

use super::super::super::hub::Hub;
use super::super::super::stamp;
use super::super::activity_kit::{Refused, refuse};
use super::super::app::Call;
use super::super::card::{Card, Closing};
use super::super::state::{AFTERLIFE_MAX, State};
use super::super::template;
use super::message::{Event, More, Said};
use super::{Over, Parcel};
use crate::clock::Time;
use crate::proto::simulator_v1::{CardState, CloseCause, DropReason, Shown, ShownBy, Template};
use crate::proto::v1::ReportedState;

/// Notifications of one app that the system shows.
const NOTIFICATIONS_MAX: usize = 50;

/// A message that was read, on its way to the screen.
struct Read<'a> {
    said: &'a Said,
    parcel: &'a Parcel,
    now: Time,
    hub: &'a Hub,
}

impl State {
    /// Takes the data of a message.
    pub(super) fn take_data(
        &mut self,
        parcel: &Parcel,
        now: Time,
        hub: &Hub,
    ) -> Result<(), Refused> {
        let sendora_keys = self.android.as_ref().is_some_and(|android| android.sendora_keys);
        let said = Said::read(&parcel.message.data, &self.spec.strings, sendora_keys)?;
        let read = Read { said: &said, parcel, now, hub };
        self.check_memory(&read)?;
        if !self.notifications_enabled {
            return refuse(DropReason::NotificationsDisabled, "the person forbids notifications");
        }
        let template = self.template_for(&said)?;
        let attributes = said.more.as_ref().map(|more| more.attributes.as_str());
        if let Some(attributes) = attributes {
            template::decode(&template.attributes, Some(attributes))
                .map_err(|detail| (DropReason::AttributesUndecodable, detail))?;
        }
        template::decode(&template.content, Some(&said.content))
            .map_err(|detail| (DropReason::ContentUndecodable, detail))?;
        match said.event {
            Event::End => self.end_by_message(&read),
            Event::Start | Event::Update => self.show_message(&read, &template),
        }
    }

    /// What is no newer than what the app has seen changes nothing. An end is obeyed at the revision shown, too.
    fn check_memory(&mut self, read: &Read<'_>) -> Result<(), Refused> {
        let said = read.said;
        let is_end = said.event == Event::End;
        let Some(known) = self.android_known(&said.activity_id) else { return Ok(()) };
        let (run, revision) = match &said.more {
            Some(more) => (more.run, more.revision),
            None => (known.run, known.revision + 1),
        };
        if run != known.run {
            let older = run < known.run;
            return if older { Err(not_newer((run, revision), known)) } else { Ok(()) };
        }
        match known.over {
            Some(Over::Dismissed) => {
                return refuse(DropReason::Dismissed, "the person has closed it in this run");
            }
            Some(Over::Ended) => {
                return refuse(DropReason::CardClosed, "it has ended in this run");
            }
            None => {}
        }
        if revision < known.revision {
            return Err(not_newer((run, revision), known));
        }
        if revision == known.revision && !is_end {
            let detail = format!("revision {revision} of run {run} came before");
            return Err((DropReason::Duplicate, detail));
        }
        Ok(())
    }

    fn android_known(&mut self, activity_id: &str) -> Option<&super::Known> {
        self.android.as_mut().and_then(|android| android.known(activity_id)).map(|known| &*known)
    }

    /// What the app can draw it with. Sendora's keys do not say the type: it is that of the card, or the app's first.
    fn template_for(&self, said: &Said) -> Result<Template, Refused> {
        let Some(more) = &said.more else {
            let card = self.cards.iter().rev().find(|card| card.is_of(&said.activity_id));
            let first = self.spec.templates.first();
            return Ok(card.map(|card| &card.template).or(first).cloned().unwrap_or_default());
        };
        let mut templates = self.spec.templates.iter();
        let found = templates.find(|template| template.activity_type == more.activity_type);
        let missing = || {
            let detail = format!("the app has no `{}`", more.activity_type);
            (DropReason::AttributesTypeUnknown, detail)
        };
        found.cloned().ok_or_else(missing)
    }

    fn show_message(&mut self, read: &Read<'_>, template: &Template) -> Result<(), Refused> {
        let said = read.said;
        let run = said.more.as_ref().map_or(0, |more| more.run);
        let card_id = match self.living(&said.activity_id, run, &template.activity_type) {
            Some(card_id) => card_id,
            None => self.post(read, template, run)?,
        };
        self.remember(said);
        let shown = read.shown();
        let Some(card) = self.card(&card_id) else { return Ok(()) };
        said.activity_id.clone_into(&mut card.seen.activity_id);
        if let Some(More { run, attributes, stale_at, .. }) = &said.more {
            card.seen.run = *run;
            card.stale_at = *stale_at;
            attributes.clone_into(&mut card.seen.attributes_json);
        }
        card.seen.set_state(CardState::Active);
        card.show(shown);
        Ok(())
    }

    /// Posts a notification for an activity of which none is on the screen, and has the app say so.
    fn post(&mut self, read: &Read<'_>, template: &Template, run: i64) -> Result<String, Refused> {
        let said = read.said;
        let is_earlier = |card: &&mut Card| card.lives() && card.is_of(&said.activity_id);
        for card in self.cards.iter_mut().filter(is_earlier) {
            card.leave(CloseCause::LaterRun, read.now);
        }
        if self.cards.iter().filter(|card| card.on_screen()).count() >= NOTIFICATIONS_MAX {
            return refuse(DropReason::TooManyCards, "the system shows 50 of an app");
        }
        let presentation = self.android.as_ref().map(|android| android.presentation(self.enabled));
        let mut card = Card::new(template, String::new(), read.now);
        said.activity_id.clone_into(&mut card.seen.activity_id);
        card.seen.run = run;
        card.seen.set_presentation(presentation.unwrap_or_default());
        let card_id = card.seen.card_id.clone();
        self.add_card(card);
        let state = ReportedState::Active;
        self.outbox.push(Call::Report { card_id: card_id.clone(), state });
        Ok(card_id)
    }

    /// An end ends what is on the screen, and nothing later of its run is shown.
    fn end_by_message(&mut self, read: &Read<'_>) -> Result<(), Refused> {
        let Read { said, now, hub, .. } = *read;
        let run = said.more.as_ref().map_or(0, |more| more.run);
        let living = self.living(&said.activity_id, run, "");
        self.remember(said);
        let Some(card_id) = living else {
            if let Some(android) = &mut self.android {
                let run = android.known(&said.activity_id).map_or(0, |known| known.run);
                android.closed(&said.activity_id, run, CloseCause::Push);
            }
            return refuse(DropReason::CardClosed, "nothing of it is on the screen");
        };
        let shown = read.shown();
        if let Some(card) = self.card(&card_id) {
            card.show(shown);
        }
        let dismiss_at = said.more.as_ref().and_then(|more| more.dismiss_at);
        let gone_at = dismiss_at.unwrap_or(now + AFTERLIFE_MAX).max(now);
        let closing = Closing { cause: CloseCause::Push, state: CardState::Ended, gone_at };
        self.close(&card_id, &closing, now, hub);
        Ok(())
    }

    /// The living card of an activity; without a run, whatever its run is. One that the app started and whose id it
    /// does not know yet is taken for it by its type.
    fn living(&self, activity_id: &str, run: i64, activity_type: &str) -> Option<String> {
        let fits = |card: &&Card| {
            let named = card.is_of(activity_id) && (run == 0 || card.seen.run == run);
            let unnamed = card.seen.activity_id.is_empty()
                && card.seen.started_by_app
                && card.seen.activity_type == activity_type;
            card.lives() && (named || unnamed)
        };
        self.cards.iter().rev().find(fits).map(|card| card.seen.card_id.clone())
    }

    fn remember(&mut self, said: &Said) {
        let Some(android) = &mut self.android else { return };
        let (run, revision) = said.more.as_ref().map_or((0, 0), |more| (more.run, more.revision));
        android.remember(&said.activity_id, run, revision);
    }
}

impl Read<'_> {
    /// What comes to the screen.
    fn shown(&self) -> Shown {
        let more = self.said.more.as_ref();
        let alert = more.and_then(|more| more.alert.as_ref());
        let by = match self.said.event {
            Event::Start => ShownBy::Start,
            Event::Update => ShownBy::Update,
            Event::End => ShownBy::End,
        };
        Shown {
            content_json: self.said.content.clone(),
            time: Some(stamp(self.now)),
            timestamp: more.map_or(0, |more| more.timestamp),
            by: by.into(),
            alerted: alert.is_some(),
            alert_title: alert.map(|alert| alert.title.clone()).unwrap_or_default(),
            alert_body: alert.map(|alert| alert.body.clone()).unwrap_or_default(),
            revision: more.map_or(0, |more| more.revision),
            message_id: self.parcel.id.clone(),
            ..Shown::default()
        }
    }
}

impl Card {
    fn is_of(&self, activity_id: &str) -> bool {
        self.seen.activity_id == activity_id
    }
}

fn not_newer((run, revision): (i64, i64), known: &super::Known) -> Refused {
    let detail = format!(
        "it is revision {revision} of run {run}, what is shown is revision {} of run {}",
        known.revision, known.run
    );
    (DropReason::RevisionOlder, detail)
}
