//! Who is in an audience, by whatever way.

use super::*;
use crate::domain::expansion::Members;
use crate::domain::samples::device;

fn recipient(way: Way, since: Number) -> Recipient {
    Recipient {
        activity: ActivityKey::generate(),
        run: 1,
        workspace: WorkspaceId::generate(),
        way,
        live: false,
        since,
        as_of: 10,
        followed: 10,
        cursor: String::new(),
    }
}

fn roll(recipients: Vec<Recipient>) -> Roll {
    let named = recipients.into_iter().map(|recipient| (recipient.way.clone(), recipient));
    Roll { named: named.collect(), ..Roll::default() }
}

fn contact(key: &str, since: Number) -> Recipient {
    recipient(Way::Contact(key.to_owned()), since)
}

fn with_segment(live: bool, presence: Presence) -> Roll {
    let members = HashMap::from([("ada".to_owned(), presence)]);
    let segment = recipient(Way::Segment(SegmentKey::generate()), 4);
    let segment = Recipient { live, ..segment };
    Roll { segments: vec![(segment, SegmentKind::ContactKeys, members)], ..Roll::default() }
}

#[test]
fn a_device_is_in_as_long_as_one_way_leads_to_it() {
    let ada = device("ada");
    let by_id = recipient(Way::Device(ada.device_id.clone()), 5);
    let entry = |recipients: Vec<Recipient>| roll(recipients).entry(&ada);
    let contact_only = Entry { by_contact: true, by_device: false, since: 2 };
    assert_eq!(entry(vec![contact("ada", 2), contact("eve", 9)]), Some(contact_only));
    let both = Entry { by_contact: true, by_device: true, since: 5 };
    assert_eq!(entry(vec![contact("ada", 2), by_id.clone()]), Some(both));
    let device_only = Entry { by_contact: false, by_device: true, since: 5 };
    assert_eq!(entry(vec![by_id]), Some(device_only));
    let everyone = Entry { by_contact: false, by_device: true, since: 3 };
    assert_eq!(entry(vec![recipient(Way::Everyone, 3)]), Some(everyone));
    assert_eq!(entry(vec![contact("eve", 1)]), None);
    assert_eq!(entry(vec![]), None);
}

#[test]
fn a_device_without_a_contact_is_in_no_contacts_audience() {
    assert_eq!(roll(vec![contact("", 1)]).entry(&device("")), None);
}

#[test]
fn a_device_with_another_app_is_not_in_the_audience() {
    let ada = device("ada");
    let of_apps = |apps| Roll { apps, ..roll(vec![contact("ada", 1)]) };
    assert!(of_apps(vec![ada.app]).entry(&ada).is_some());
    assert!(of_apps(vec![AppId::generate()]).entry(&ada).is_none());
}

#[test]
fn a_fixed_audience_goes_by_the_members_at_its_naming_and_a_live_one_by_those_of_now() {
    let is_in = |live, added, removed| {
        let entry = with_segment(live, Presence { added, removed }).entry(&device("ada"));
        assert!(entry.is_none_or(|entry| entry.by_contact && entry.since == 4));
        entry.is_some()
    };
    let (fixed, live) = (false, true);
    assert!(is_in(fixed, 10, None) && is_in(live, 10, None));
    assert!(!is_in(fixed, 11, None), "came after the naming");
    assert!(is_in(live, 11, None));
    assert!(is_in(fixed, 3, Some(11)), "left after the naming");
    assert!(!is_in(live, 3, Some(11)));
    assert!(!is_in(fixed, 3, Some(10)) && !is_in(live, 3, Some(10)), "had left before");
}

#[test]
fn members_of_a_segment_of_devices_are_devices() {
    let ada = device("ada");
    let presence = Presence { added: 1, removed: None };
    let mut by_id = with_segment(false, presence);
    by_id.segments[0].1 = SegmentKind::DeviceIds;
    assert_eq!(by_id.entry(&ada), None, "the contact's name is no device id");
    by_id.segments[0].2 = HashMap::from([(ada.device_id.clone(), presence)]);
    assert!(by_id.entry(&ada).is_some_and(|entry| entry.by_device && !entry.by_contact));
}

#[test]
fn an_audience_names_its_recipients() {
    let whose = (WorkspaceId::generate(), ActivityKey::generate(), 2);
    let audience = |who| Audience { who, app_ids: Vec::new(), latest_only: false, live: true };
    let segment = SegmentKey::generate();
    let members = Members { key: segment, kind: SegmentKind::DeviceIds, as_of: 8 };
    let of_segment = recipients(whose, &audience(Who::Segment(members)), 5);
    let [named] = of_segment.as_slice() else { panic!("one") };
    assert_eq!((&named.way, named.run, named.since), (&Way::Segment(segment), 2, 5));
    assert_eq!((named.as_of, named.followed, named.live), (8, 8, true));
    let two = Who::ContactKeys(["ada", "eve", "ada"].map(str::to_owned).to_vec());
    assert_eq!(recipients(whose, &audience(two), 5).len(), 2);
    assert_eq!(ways(&Who::AllDevices), [Way::Everyone]);
}
