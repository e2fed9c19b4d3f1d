//! What time alone does to one activity: a scheduled run begins, a life is over.

use crate::clock::Time;
use crate::domain::activity::{Activity, State};
use crate::domain::change::Change;
use crate::domain::ids::{ActivityKey, SegmentKey};
use crate::domain::lifetime;
use crate::domain::recipient::{Recipient, Way};
use crate::domain::segment::Version;
use crate::error::Result;
use crate::store::{self, Tx};
use std::collections::HashMap;

/// Turns it, if its time has come. Whoever looks at the same time finds that it has happened.
pub async fn turn(tx: &Tx, key: ActivityKey, now: Time) -> Result<()> {
    let Some(activity) = store::activities::by_key(tx, key).await? else { return Ok(()) };
    let Some((turned, mut change)) = lifetime::turn(&activity, now) else { return Ok(()) };
    if turned.state == State::Active {
        resolve(tx, &turned, &mut change).await?;
    }
    store::apply(tx, change).await
}

/// The audience of a run is who it is when it begins: segments count, and are followed, from here on.
async fn resolve(tx: &Tx, activity: &Activity, change: &mut Change) -> Result<()> {
    let (key, run) = (activity.key, activity.run);
    let waiting = store::expansions::begin(tx, key, run).await?;
    let segments = store::recipients::segments_of_run(tx, key, run).await?;
    let mut versions: HashMap<SegmentKey, Version> = HashMap::new();
    for segment in segments.iter().filter_map(Recipient::segment) {
        let found = store::segments::by_key(tx, segment).await?;
        versions.extend(found.map(|found| (segment, found.version)));
    }
    let live = store::expansions::find(tx, key, run).await?.is_some_and(|it| it.audience.live);
    for mut recipient in segments {
        let version = recipient.segment().and_then(|segment| versions.get(&segment));
        if let Some(version) = version {
            recipient.begin(live, *version);
            change.recipients.push(recipient);
        }
    }
    for mut expansion in waiting {
        let segment = expansion.audience.segment();
        expansion.begin(segment.and_then(|segment| versions.get(&segment)).copied());
        change.expansions.push(expansion);
    }
    Ok(())
}

impl Recipient {
    fn segment(&self) -> Option<SegmentKey> {
        match self.way {
            Way::Segment(key) => Some(key),
            Way::Contact(_) | Way::Device(_) | Way::Everyone => None,
        }
    }
}
