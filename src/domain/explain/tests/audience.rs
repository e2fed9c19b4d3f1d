//! Why a device is in the audience, or is not.

use super::*;
use crate::domain::activity::Origin;
use crate::domain::expansion::{Audience, Verb, Who};
use crate::domain::ids::{AppId, ExpansionId};
use crate::domain::recipient::Presence;
use crate::domain::segment::SegmentKind;
use crate::domain::subscription::Reason;

fn expansion(scene: &Scene) -> Expansion {
    Expansion {
        id: ExpansionId::generate(),
        activity: scene.activity.key,
        run: 1,
        workspace: scene.activity.workspace,
        verb: Verb::Start,
        audience: Audience {
            who: Who::ContactKeys(vec!["ada".to_owned()]),
            app_ids: Vec::new(),
            latest_only: false,
            live: false,
        },
        cursor: String::new(),
        done: true,
        created_at: NOW,
    }
}

/// A member of a segment since that version.
fn member(scene: &mut Scene, added: i64) {
    let key = SegmentKey::generate();
    let recipient = scene.recipient(Way::Segment(key));
    let members = HashMap::from([("ada".to_owned(), Presence { added, removed: None })]);
    scene.roll.segments.push((recipient, SegmentKind::ContactKeys, members));
    scene.segments.insert(key, "gold".to_owned());
}

#[test]
fn every_way_in_is_named() {
    let mut scene = Scene::active();
    scene.name(Way::Device(scene.device.device_id.clone()));
    scene.name(Way::Everyone);
    member(&mut scene, 5);
    let ways = ["its contact ada", "its own id", "all_devices", "the segment \"gold\""];
    scene.finds(AudienceFinding::In(ways.map(str::to_owned).to_vec()));
}

#[test]
fn a_device_that_nobody_named_is_not_in_whoever_else_is() {
    let mut scene = Scene::without();
    scene.start = Some(expansion(&scene));
    scene.device.contact_key = "bob".to_owned();
    scene.finds(AudienceFinding::NotIn { by_apps_alone: false });
    assert_eq!(scene.now(), "Nothing is sent: the device does not have this run.");
    scene.start = None;
    scene.activity.origin = Origin::App;
    scene.finds(AudienceFinding::NotIn { by_apps_alone: true });
}

#[test]
fn what_an_app_has_brought_in_is_not_of_the_audience() {
    let mut scene = Scene::active();
    scene.roll = Roll::default();
    scene.finds(AudienceFinding::JoinedByItself);
    scene.row().reason = Some(Reason::Removed);
    scene.does_not_find(|found| *found == AudienceFinding::JoinedByItself.into());
}

#[test]
fn a_run_for_other_apps_is_not_for_this_device() {
    let mut scene = Scene::without();
    scene.start = Some(expansion(&scene));
    scene.roll.apps = vec![AppId::generate()];
    scene.finds(AudienceFinding::AppNotMeant);
}

#[test]
fn who_comes_after_a_fixed_audience_is_not_in_it() {
    let mut scene = Scene::without();
    scene.start = Some(expansion(&scene));
    scene.finds(AudienceFinding::CameLater(None));
    scene.roll = Roll::default();
    member(&mut scene, 6);
    scene.finds(AudienceFinding::CameLater(Some("\"gold\"".to_owned())));
}

#[test]
fn who_comes_into_a_live_audience_is_about_to_have_the_run() {
    let mut scene = Scene::without();
    let mut start = expansion(&scene);
    start.audience.live = true;
    scene.start = Some(start);
    scene.finds(AudienceFinding::Arriving);
    scene.is_expanding = true;
    scene.finds(AudienceFinding::In(vec!["its contact ada".to_owned()]));
}

#[test]
fn who_is_named_for_a_run_that_begins_later_is_in_and_nobody_else() {
    let mut scene = Scene::without();
    scene.start = Some(expansion(&scene));
    scene.activity.state = ActivityState::Scheduled;
    scene.finds(AudienceFinding::In(vec!["its contact ada".to_owned()]));
    scene.roll = Roll::default();
    scene.finds(AudienceFinding::NotIn { by_apps_alone: false });
    member(&mut scene, 9);
    scene.finds(AudienceFinding::In(vec!["the segment \"gold\"".to_owned()]));
}

#[test]
fn where_one_device_of_a_contact_is_meant_another_was_chosen() {
    let mut scene = Scene::without();
    let mut start = expansion(&scene);
    start.audience.latest_only = true;
    scene.start = Some(start);
    scene.finds(AudienceFinding::AnotherDeviceChosen);
}
